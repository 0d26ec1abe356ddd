/* SPDX-License-Identifier: MIT
 * How many datagrams of 18 bytes a second cross from one network namespace to another without loss: up to 1
 * in 1000, since the kernel's own scheduling loses some on a busy machine.
 *
 *     udp_rate FROM-NAMESPACE TO-NAMESPACE ADDRESS SECONDS
 *
 * Rates double until too much is lost, then the last interval is halved. Prints the highest rate that passed.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PORT 5007
#define PAYLOAD 18
#define BURST 64
#define FIRST 8000.0
#define HALVINGS 5
#define PAUSE_US 100

static int in, out;
static atomic_ullong received;

static double seconds(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int open_socket(const char *space) {
    char path[256];
    int size = 8 << 20;
    snprintf(path, sizeof path, "/var/run/netns/%s", space);
    int ns = open(path, O_RDONLY);
    if (ns < 0 || setns(ns, CLONE_NEWNET) < 0) fail(space);
    close(ns);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0) fail("socket");
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
    return fd;
}

static void prepare(struct mmsghdr messages[BURST], struct iovec iov[BURST], uint8_t bytes[BURST][PAYLOAD]) {
    for (size_t i = 0; i < BURST; i++) {
        iov[i] = (struct iovec){bytes[i], PAYLOAD};
        messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &iov[i], .msg_iovlen = 1}};
    }
}

static void *count(void *unused) {
    struct mmsghdr messages[BURST];
    struct iovec iov[BURST];
    static uint8_t bytes[BURST][PAYLOAD];
    (void)unused;
    prepare(messages, iov, bytes);
    for (;;) {
        int n = recvmmsg(in, messages, BURST, MSG_WAITFORONE, NULL);
        if (n > 0) received += (unsigned)n;
    }
    return NULL;
}

/* Sends at a rate for some time; whether nearly all arrived. Only what was really sent counts: `*rate` is
 * corrected. */
static int passes(double *rate, double duration) {
    struct mmsghdr messages[BURST];
    struct iovec iov[BURST];
    static uint8_t bytes[BURST][PAYLOAD];
    unsigned long long before = received, sent = 0;
    double began = seconds(), now = began;
    prepare(messages, iov, bytes);
    for (; now - began < duration; now = seconds()) {
        double due = (now - began) * *rate - (double)sent;
        if (due < 1) {
            usleep(PAUSE_US);
            continue;
        }
        int n = sendmmsg(out, messages, due < BURST ? (unsigned)due : BURST, 0);
        if (n > 0) sent += (unsigned)n;
    }
    *rate = (double)sent / (now - began);
    for (int i = 0; i < 20 && received - before < sent; i++)
        usleep(20000);
    return (double)(received - before) >= 0.999 * (double)sent;
}

int main(int argc, char **argv) {
    pthread_t counter;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    if (argc != 5 || inet_pton(AF_INET, argv[3], &to.sin_addr) != 1) {
        fprintf(stderr, "usage: udp_rate FROM-NAMESPACE TO-NAMESPACE ADDRESS SECONDS\n");
        return 2;
    }
    double duration = atof(argv[4]), good = 0, bad = 0, rate = FIRST, tried;
    in = open_socket(argv[2]);
    if (bind(in, (struct sockaddr *)&(struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(PORT)},
             sizeof(struct sockaddr_in)) < 0)
        fail("bind");
    out = open_socket(argv[1]);
    if (connect(out, (struct sockaddr *)&to, sizeof to) < 0) fail("connect");
    pthread_create(&counter, NULL, count, NULL);
    tried = 1000;
    passes(&tried, 0.2); /* a session comes up */
    for (int halvings = 0; halvings<HALVINGS; rate = bad> 0 ? (good + bad) / 2 : 2 * rate) {
        tried = rate;
        if (passes(&tried, duration)) {
            good = tried > good ? tried : good;
            if (tried < 0.9 * rate) break; /* the sender can no more */
        } else {
            bad = rate;
            usleep(200000); /* queues run empty */
        }
        halvings += bad > 0;
    }
    printf("%.0f\n", good);
    return 0;
}
