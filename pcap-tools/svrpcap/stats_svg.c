/* SPDX-License-Identifier: MIT
 * Bars of overhead: for all packets, and for each class of sizes. */
#include <errno.h>
#include <stdio.h>

#include "stats.h"

enum { WIDTH = 760, LEFT = 150, BAR = 13, GAP = 18, TOP = 70, SPACE = WIDTH - LEFT - 110 };

static const char *const colours[SVRPCAP_SCHEMES] = {"#00695c", "#90a4ae", "#ef6c00", "#8e24aa"};

static double most(const svrpcap_statistics *s) {
    double m = 1;
    for (size_t i = 0; i <= SVRPCAP_SIZES; i++)
        for (svrpcap_scheme k = 0; k < SVRPCAP_SCHEMES; k++) {
            double mean = svrpcap_mean(i < SVRPCAP_SIZES ? &s->size[i] : &s->total, k);
            if (mean > m) m = mean;
        }
    return m;
}

static int group(FILE *out, const svrpcap_sums *sums, const char *name, int y, double scale) {
    fprintf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", LEFT - 10, y + 12, name);
    fprintf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\" class=\"small\">%llu packets</text>\n",
            LEFT - 10, y + 27, (unsigned long long)sums->packets);
    for (svrpcap_scheme k = 0; k < SVRPCAP_SCHEMES; k++, y += BAR + 1) {
        double mean = svrpcap_mean(sums, k);
        fprintf(out, "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n", LEFT, y,
                mean * scale, BAR, colours[k]);
        fprintf(out, "<text x=\"%.1f\" y=\"%d\" class=\"small\">%.1f %s</text>\n", LEFT + mean * scale + 5,
                y + 11, mean, svrpcap_scheme_name(k));
    }
    return y + GAP;
}

static void draw(const svrpcap_statistics *s, FILE *out) {
    size_t groups = 1, from = 1;
    for (size_t i = 0; i < SVRPCAP_SIZES; i++)
        groups += s->size[i].packets > 0;
    int height = TOP + (int)groups * (SVRPCAP_SCHEMES * (BAR + 1) + GAP) + 20, y = TOP;
    double scale = SPACE / most(s);
    fprintf(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\" "
        "aria-labelledby=\"title\">\n"
        "<title id=\"title\">Overhead of SVR, GRE, IPsec ESP and WireGuard on the same packets</title>\n"
        "<style>text { font: 14px sans-serif; fill: #222 } .small { font-size: 11px; fill: #555 }</style>\n"
        "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n"
        "<text x=\"20\" y=\"28\" font-weight=\"bold\">Overhead, bytes a packet</text>\n"
        "<text x=\"20\" y=\"48\" class=\"small\">SVR as captured; the others as they would have been for the "
        "same packets, "
        "by the size of the packet inside</text>\n",
        WIDTH, height, WIDTH, height);
    y = group(out, &s->total, "all", y, scale);
    for (size_t i = 0; i < SVRPCAP_SIZES; from = svrpcap_size_limit(i++) + 1) {
        char name[64];
        if (svrpcap_size_limit(i))
            snprintf(name, sizeof name, "%zu to %zu bytes", from, svrpcap_size_limit(i));
        else
            snprintf(name, sizeof name, "from %zu bytes", from);
        if (s->size[i].packets) y = group(out, &s->size[i], name, y, scale);
    }
    fputs("</svg>\n", out);
}

bool svrpcap_stats_svg(const svrpcap_statistics *s, const char *file) {
    FILE *out = fopen(file, "we");
    if (!out) return false;
    draw(s, out);
    bool good = !ferror(out);
    return fclose(out) == 0 && good;
}
