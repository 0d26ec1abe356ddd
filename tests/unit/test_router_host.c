/* SPDX-License-Identifier: MIT
 * router: options, control protocol and socket, loop, clock, files, JSON. */
#include <jansson.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/json.h"
#include "svrd/clock.h"
#include "svrd/control.h"
#include "svrd/credentials.h"
#include "svrd/options.h"
#include "svrd/report.h"
#include "unit.h"

/* ---- options -------------------------------------------------------------------------------- */

/* Parses a command line as typed, without quoting; what `o` and `err` point to lives until the next call. */
static int parse(const char *typed, svrd_options *o, svr_error *err) {
    static char line[256];
    char *argv[32] = {line};
    int argc = 0;
    snprintf(line, sizeof line, "svrd %s", typed);
    for (char *word = strtok(line, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    return svrd_options_parse(argc, argv, o, err);
}

static void expect_refusal(const char *typed, const char *message) {
    svrd_options o;
    svr_error err = {0};
    assert_int_equal(parse(typed, &o, &err), -1);
    assert_string_equal(err.message, message);
}

static void test_options_read_every_option(void **state) {
    (void)state;
    svrd_options o;
    svr_error err;
    assert_int_equal(
        parse("--config c --router=r --node n --control s --events - --keylog k --clock-rate 60 --crl l "
              "--clock-at 5=7 --no-offload --user u --control-group g --no-sandbox",
              &o, &err),
        0);
    assert_false(o.offload);
    assert_true(o.clock_set && o.clock_system == 5 && o.clock_wall == 7);
    assert_int_equal(o.action, SVRD_RUN);
    assert_string_equal(o.config, "c");
    assert_string_equal(o.router, "r");
    assert_string_equal(o.node, "n");
    assert_string_equal(o.control, "s");
    assert_string_equal(o.events, "-");
    assert_string_equal(o.keylog, "k");
    assert_string_equal(o.crl, "l");
    assert_int_equal(o.clock_rate, 60);
    assert_string_equal(o.user, "u");
    assert_string_equal(o.control_group, "g");
    assert_true(o.no_sandbox);
    assert_int_equal(parse("--check --config c", &o, &err), 0);
    assert_int_equal(o.action, SVRD_CHECK);
    assert_int_equal(o.clock_rate, 1);
    assert_true(o.offload);
    assert_int_equal(parse("--help --nonsense", &o, &err), 0);
    assert_int_equal(o.action, SVRD_HELP);
}

static void test_options_say_what_is_wrong(void **state) {
    (void)state;
    svrd_options o;
    svr_error err;
    expect_refusal("--router r", "--config FILE is missing");
    expect_refusal("--config c", "--router NAME is missing");
    expect_refusal("--confg c", "unknown option --confg");
    expect_refusal("-x", "unknown option -x");
    expect_refusal("--router r --config", "--config takes a value");
    expect_refusal("--check --config c d", "unexpected argument d");
    expect_refusal("--config c --router r --certificate p", "--certificate and --private-key go together");
    static const char *rates[] = {"0", "-1", "10001", "1x", "", "99999999999999999999"};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        char typed[80];
        snprintf(typed, sizeof typed, "--config c --router r --clock-rate=%s", rates[i]);
        assert_int_equal(parse(typed, &o, &err), -1);
    }
    static const char *instants[] = {"5", "5=", "=7", "5=7x", "-5=7", "5=-7"};
    for (size_t i = 0; i < sizeof instants / sizeof instants[0]; i++) {
        char typed[80];
        snprintf(typed, sizeof typed, "--config c --router r --clock-at %s", instants[i]);
        assert_int_equal(parse(typed, &o, &err), -1);
    }
}

/* ---- control protocol ----------------------------------------------------------------------- */

static void test_control_question_survives_the_way(void **state) {
    (void)state;
    char line[SVR_CONTROL_LINE_MAX];
    svr_control_request r;
    char show[] = "show", middle[] = " peers  security", last[] = "x";
    char *words[] = {show, middle, last};
    size_t len = svr_control_encode(true, words, 3, line);
    assert_true(len > 0);
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(svr_control_decode(line, cut, &r), SVR_CONTROL_PARTIAL);
    assert_int_equal(svr_control_decode(line, len, &r), SVR_CONTROL_WHOLE);
    assert_true(r.json);
    assert_string_equal(r.command, "show peers security x");
}

static void test_control_refuses_what_is_no_question(void **state) {
    (void)state;
    static const char *bad[] = {"\n",         "show x\n",        "text\n",  "text \n",
                                "json    \n", "text a\tb\x01\n", "TEXT a\n"};
    svr_control_request r;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(svr_control_decode(bad[i], strlen(bad[i]), &r), SVR_CONTROL_BAD);
    char line[SVR_CONTROL_LINE_MAX];
    memset(line, 'a', sizeof line);
    assert_int_equal(svr_control_decode(line, sizeof line - 1, &r), SVR_CONTROL_PARTIAL);
    assert_int_equal(svr_control_decode(line, sizeof line, &r), SVR_CONTROL_BAD);
}

static void test_control_encode_holds_to_its_bound(void **state) {
    (void)state;
    char word[SVR_CONTROL_LINE_MAX + 1], line[SVR_CONTROL_LINE_MAX];
    char *words[] = {word};
    svr_control_request r;
    memset(word, 'w', sizeof word);
    word[SVR_CONTROL_LINE_MAX - 6] = '\0'; /* "text", a blank and the newline fill the rest */
    assert_int_equal(svr_control_encode(false, words, 1, line), SVR_CONTROL_LINE_MAX);
    assert_int_equal(svr_control_decode(line, sizeof line, &r), SVR_CONTROL_WHOLE);
    assert_string_equal(r.command, word);
    memset(word, 'w', SVR_CONTROL_LINE_MAX);
    word[SVR_CONTROL_LINE_MAX - 5] = '\0';
    assert_int_equal(svr_control_encode(false, words, 1, line), 0);
    strcpy(word, "a\nb");
    assert_int_equal(svr_control_encode(false, words, 1, line), 0);
    assert_int_equal(svr_control_encode(false, words, 0, line), 0);
}

static void test_control_path_stays_in_its_folder(void **state) {
    (void)state;
    char path[SVR_CONTROL_PATH_MAX], name[SVR_CONTROL_PATH_MAX];
    assert_true(svr_control_path("hub", path));
    assert_string_equal(path, "/run/svr/hub.sock");
    assert_true(svr_control_path("../a b", path));
    assert_string_equal(path, "/run/svr/.._a_b.sock");
    assert_false(svr_control_path("", path));
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    assert_false(svr_control_path(name, path));
}

/* ---- control socket ------------------------------------------------------------------------- */

#define LONG_ANSWER 3000000

static bool echo(void *ctx, const svr_control_request *request, FILE *out) {
    (void)ctx;
    if (strcmp(request->command, "long") == 0)
        for (int i = 0; i < LONG_ANSWER; i++)
            fputc('x', out);
    else
        fprintf(out, "%s\n", request->command);
    return strcmp(request->command, "bad") != 0;
}

typedef struct server {
    char path[64];
    svrd_loop loop;
    svrd_control control;
} server;

static void start(server *s) {
    svr_error err;
    snprintf(s->path, sizeof s->path, "/tmp/svr-unit-%ld.sock", (long)getpid());
    assert_int_equal(svrd_loop_init(&s->loop), 0);
    if (svrd_control_open(&s->control, &s->loop, s->path, echo, NULL, &err)) fail_msg("%s", err.message);
}

static void stop(server *s) {
    svrd_control_close(&s->control);
    svrd_loop_fini(&s->loop);
    assert_int_equal(access(s->path, F_OK), -1);
}

static int dial(const server *s) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    strcpy(at.sun_path, s->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

/* Lets the server work; bytes that came until it hung up, or -1 when it did not. `text` gets the first ones.
 */
static long converse(server *s, int fd, const char *question, char text[64]) {
    char buf[4096];
    long total = 0;
    memset(text, 0, 64);
    if (*question) assert_true(write(fd, question, strlen(question)) > 0);
    for (int i = 0; i < 10000; i++) {
        svrd_loop_wait(&s->loop, 0);
        ssize_t n = read(fd, buf, sizeof buf);
        if (n == 0) return total;
        if (n < 0) {
            if (i > 100 && total == 0) return -1;
            continue;
        }
        if (total < 63) memcpy(text + total, buf, (size_t)(n < 63 - total ? n : 63 - total));
        total += n;
    }
    return -1;
}

static void test_control_socket_answers(void **state) {
    (void)state;
    server s;
    char text[64];
    struct stat st;
    start(&s);
    assert_int_equal(stat(s.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    static const char *cases[][2] = {
        {"text show  it\n", "ok\nshow it\n"}, {"json bad\n", "error\nbad\n"}, {"nonsense\n", ""}};
    for (size_t i = 0; i < 3; i++) {
        int fd = dial(&s);
        assert_int_equal(converse(&s, fd, cases[i][0], text), strlen(cases[i][1]));
        assert_string_equal(text, cases[i][1]);
        close(fd);
    }
    int fd = dial(&s);
    assert_int_equal(converse(&s, fd, "text long\n", text), 3 + LONG_ANSWER);
    close(fd);
    stop(&s);
}

static void test_control_socket_bounds_its_clients(void **state) {
    (void)state;
    server s;
    char text[64];
    int idle[SVRD_CONTROL_CLIENTS_MAX];
    start(&s);
    for (int i = 0; i < SVRD_CONTROL_CLIENTS_MAX; i++) {
        idle[i] = dial(&s);
        svrd_loop_wait(&s.loop, 0);
    }
    int fd = dial(&s);
    assert_int_equal(converse(&s, fd, "text one\n", text), 7); /* the ninth is served ... */
    assert_int_equal(converse(&s, idle[0], "", text), 0);      /* ... for which the first had to go */
    assert_int_equal(converse(&s, idle[1], "", text), -1);
    assert_int_equal(converse(&s, idle[1], "text two\n", text), 7);
    for (int i = 0; i < SVRD_CONTROL_CLIENTS_MAX; i++)
        close(idle[i]);
    close(fd);
    stop(&s);
}

static void test_control_socket_replaces_only_what_is_dead(void **state) {
    (void)state;
    server s, second;
    svr_error err;
    start(&s);
    svrd_loop_init(&second.loop);
    assert_int_equal(svrd_control_open(&second.control, &second.loop, s.path, echo, NULL, &err), -1);
    assert_non_null(strstr(err.message, "another svrd"));
    assert_int_equal(rename(s.path, "/tmp/svr-unit-moved.sock"), 0);
    stop(&s);
    assert_int_equal(rename("/tmp/svr-unit-moved.sock", s.path), 0); /* as after a crash */
    assert_int_equal(svrd_control_open(&second.control, &second.loop, s.path, echo, NULL, &err), 0);
    svrd_control_close(&second.control);
    FILE *f = fopen(s.path, "w");
    fclose(f);
    assert_int_equal(svrd_control_open(&second.control, &second.loop, s.path, echo, NULL, &err), -1);
    assert_int_equal(unlink(s.path), 0); /* a file is nothing to overwrite */
    svrd_loop_fini(&second.loop);
}

/* ---- the loop ------------------------------------------------------------------------------- */

typedef struct loop_pair {
    svrd_loop loop;
    svrd_source sources[2];
    int told;
} loop_pair;

/* Whichever is told first removes the other and closes its descriptor, as news of a device's end does. */
static void remove_the_other(svrd_source *source, uint32_t events) {
    (void)events;
    loop_pair *p = source->ctx;
    svrd_source *other = &p->sources[source == p->sources];
    p->told++;
    if (other->fd < 0) return;
    svrd_loop_remove(&p->loop, other);
    close(other->fd);
    other->fd = -1;
}

static void test_loop_tells_nothing_of_what_was_removed(void **state) {
    (void)state;
    loop_pair p = {0};
    assert_int_equal(svrd_loop_init(&p.loop), 0);
    for (int k = 0; k < 2; k++) {
        p.sources[k] = (svrd_source){eventfd(1, EFD_CLOEXEC), remove_the_other, &p};
        assert_int_equal(svrd_loop_add(&p.loop, &p.sources[k], EPOLLIN), 0);
    }
    assert_int_equal(svrd_loop_wait(&p.loop, 0), 0);
    assert_int_equal(p.told, 1);
    assert_int_equal(svrd_loop_wait(&p.loop, 0), 0);
    assert_int_equal(p.told, 2); /* the one that is left; it has nothing to remove now */
    for (int k = 0; k < 2; k++)
        if (p.sources[k].fd >= 0) close(p.sources[k].fd);
    svrd_loop_fini(&p.loop);
}

/* ---- clock ---------------------------------------------------------------------------------- */

static void test_clock_runs_at_its_rate(void **state) {
    (void)state;
    svrd_clock c = {.rate = 60, .origin_ns = 1000, .wall = 5000};
    assert_int_equal(svrd_clock_at(&c, 1000), 0);
    assert_int_equal(svrd_clock_at(&c, 1000 + SVR_SEC), 60 * SVR_SEC);
    assert_int_equal(svrd_clock_wall(&c, 60), 5060);
    assert_int_equal(svrd_clock_mono(&c, SVR_TIME_NEVER), 0);
    for (svr_time t = 0; t < 1000; t += 7)
        assert_true(svrd_clock_at(&c, svrd_clock_mono(&c, t)) >= t); /* never too early */
    assert_false(svrd_clock_follow(&c, 0));
}

static void test_clock_agrees_with_another_that_began_earlier(void **state) {
    (void)state;
    svrd_clock early, late;
    svrd_clock_init(&early, 60);
    svr_wall began = early.wall;
    svrd_clock_set(&early, began, 1000);
    struct timespec pause = {.tv_nsec = 20000000};
    nanosleep(&pause, NULL);
    svrd_clock_init(&late, 60);
    svrd_clock_set(&late, began, 1000);
    svr_wall apart =
        svrd_clock_wall(&late, svrd_clock_now(&late)) - svrd_clock_wall(&early, svrd_clock_now(&early));
    assert_true(llabs(apart) < (svr_wall)(SVR_SEC / 2)); /* 20 ms of pause would be 1.2 s */
    svrd_clock_init(&late, 1);
    svrd_clock_set(&late, began, 1000);
    assert_false(svrd_clock_follow(&late, svrd_clock_now(&late)));
}

static void test_clock_follows_a_system_clock_that_was_set(void **state) {
    (void)state;
    svrd_clock c;
    svrd_clock_init(&c, 1);
    svr_wall at_start = c.wall;
    assert_false(svrd_clock_follow(&c, svrd_clock_now(&c)));
    c.wall -= 3600 * (svr_wall)SVR_SEC;
    assert_true(svrd_clock_follow(&c, svrd_clock_now(&c)));
    assert_true(llabs(c.wall - at_start) < (svr_wall)SVR_SEC);
}

/* ---- files ---------------------------------------------------------------------------------- */

static void write_file(const char *path, const char *text) {
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void test_credentials_come_from_beside_the_configuration(void **state) {
    (void)state;
    char dir[] = "/tmp/svr-unit-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    static const char *files[][2] = {
        {"me.pem", "chain"}, {"me.key", "key"}, {"a.pem", "A\n"}, {"b.pem", "B\n"}};
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i][0]);
        write_file(path, files[i][1]);
    }
    snprintf(path, sizeof path, "%s/authority.conf", dir);
    svr_file_ref ca[] = {{"a", "a.pem"}, {"b", "b.pem"}}, client[] = {{"me", "me"}};
    svr_config config = {
        .trusted_ca = ca, .n_trusted_ca = 2, .client_certificates = client, .n_client_certificates = 1};
    svrd_options o = {.config = path};
    svrd_credentials c;
    svr_error err;
    assert_int_equal(svrd_credentials_read(&c, &o, &config, &err), 0);
    svr_credentials texts = svrd_credentials_get(&c);
    assert_string_equal(texts.certificate, "chain");
    assert_string_equal(texts.private_key, "key");
    assert_string_equal(texts.trusted_ca, "A\nB\n");
    assert_null(texts.crl);
    svrd_credentials_fini(&c);
    client[0].file = "other";
    assert_int_equal(svrd_credentials_read(&c, &o, &config, &err), -1);
    assert_non_null(strstr(err.message, "other.pem: No such file"));
    o.certificate = o.private_key = dir;
    assert_int_equal(svrd_credentials_read(&c, &o, &config, &err), -1);
    assert_non_null(strstr(err.message, "Is a directory"));
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i][0]);
        unlink(path);
    }
    rmdir(dir);
}

/* ---- JSON and lines ------------------------------------------------------------------------- */

static void test_report_json_keeps_types_and_order(void **state) {
    (void)state;
    FILE *out;
    char *text;
    size_t len;
    svr_field fields[] = {{.key = "b", .type = SVR_FIELD_TEXT, .text = "q\"\n"},
                          {.key = "a", .type = SVR_FIELD_NUMBER, .number = 7},
                          {.key = "c", .type = SVR_FIELD_FLAG, .flag = true},
                          {.key = "d", .type = SVR_FIELD_TEXT, .text = "\xff!"},
                          {.key = "e", .type = SVR_FIELD_SPAN, .span = 3 * SVR_HOUR + SVR_SEC - 1},
                          {.key = "f", .type = SVR_FIELD_SPAN, .span = SVR_TIME_NEVER}};
    svr_record record = {.title = "t", .fields = fields, .n = 6};
    out = open_memstream(&text, &len);
    assert_non_null(out);
    assert_true(svrd_report_json(&(svr_report){.records = &record, .n = 1}, out));
    fclose(out);
    json_t *v = json_loads(text, 0, NULL);
    const char *b, *d;
    int a, c, e;
    assert_non_null(v);
    assert_int_equal(json_unpack(v, "[{s:s, s:{s:s, s:i, s:b, s:s, s:i, s:n!}}]", "title", &b, "fields", "b",
                                 &b, "a", &a, "c", &c, "d", &d, "e", &e, "f"),
                     0);
    assert_int_equal(e, 10800);
    assert_string_equal(b, "q\"\n");
    assert_int_equal(a, 7);
    assert_true(c);
    assert_string_equal(d, "?!");
    json_decref(v);
    free(text);
}

static void test_event_is_one_line_of_json(void **state) {
    (void)state;
    FILE *out;
    char *text;
    size_t len;
    svr_event ev = {.time = 1000000005,
                    .wall = 1700000000123456789,
                    .kind = SVR_EVENT_BFD_STATE,
                    .peer = "hub",
                    .to = "UP"};
    out = open_memstream(&text, &len);
    assert_non_null(out);
    assert_true(svr_event_json("spoke", "s1", &ev, out));
    fclose(out);
    assert_string_equal(
        text, "{\"t\":\"1.000000005\",\"wall\":\"2023-11-14T22:13:20.123456789Z\",\"router\":\"spoke\","
              "\"node\":\"s1\",\"kind\":\"bfd-state\",\"severity\":\"INFO\",\"peer\":\"hub\",\"to\":\"UP\","
              "\"value\":0}\n");
    free(text);
}

static void test_event_line_stays_in_bounds(void **state) {
    (void)state;
    char line[SVRD_EVENT_LINE_MAX];
    svr_event ev = {.kind = SVR_EVENT_BFD_STATE,
                    .peer = "hub",
                    .path = "wan a b",
                    .from = "DOWN",
                    .to = "UP",
                    .reason = "peer said so"};
    assert_string_equal(svrd_event_line(&ev, line), "bfd-state hub [wan a b]: DOWN -> UP (peer said so)");
    static char huge[2000];
    memset(huge, 'h', sizeof huge - 1);
    ev.from = ev.to = ev.reason = huge;
    assert_int_equal(strlen(svrd_event_line(&ev, line)), SVRD_EVENT_LINE_MAX - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_read_every_option),
        cmocka_unit_test(test_options_say_what_is_wrong),
        cmocka_unit_test(test_control_question_survives_the_way),
        cmocka_unit_test(test_control_refuses_what_is_no_question),
        cmocka_unit_test(test_control_encode_holds_to_its_bound),
        cmocka_unit_test(test_control_path_stays_in_its_folder),
        cmocka_unit_test(test_control_socket_answers),
        cmocka_unit_test(test_control_socket_bounds_its_clients),
        cmocka_unit_test(test_control_socket_replaces_only_what_is_dead),
        cmocka_unit_test(test_loop_tells_nothing_of_what_was_removed),
        cmocka_unit_test(test_clock_runs_at_its_rate),
        cmocka_unit_test(test_clock_agrees_with_another_that_began_earlier),
        cmocka_unit_test(test_clock_follows_a_system_clock_that_was_set),
        cmocka_unit_test(test_credentials_come_from_beside_the_configuration),
        cmocka_unit_test(test_report_json_keeps_types_and_order),
        cmocka_unit_test(test_event_is_one_line_of_json),
        cmocka_unit_test(test_event_line_stays_in_bounds),
    };
    return cmocka_run_group_tests_name("router_host", tests, NULL, NULL);
}
