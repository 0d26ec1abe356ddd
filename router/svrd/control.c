/* SPDX-License-Identifier: MIT */
#include "svrd/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void drop(svrd_client *client) {
    if (client->source.fd < 0) return;
    svrd_loop_remove(client->control->loop, &client->source);
    close(client->source.fd);
    free(client->answer);
    client->source.fd = -1;
    client->answer = NULL;
    client->asked = client->len = client->written = 0;
}

static void write_answer(svrd_client *client) {
    while (client->written < client->len) {
        ssize_t n = send(client->source.fd, client->answer + client->written, client->len - client->written,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) return;
        if (n < 0) break;
        client->written += (size_t)n;
    }
    drop(client);
}

/* Whether the rest is a report or an error is known once it is written, and said in the line before it. */
static bool compose(svrd_client *client, const svr_control_request *request) {
    const svrd_control *c = client->control;
    char *body = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&body, &len);
    if (!out) return false;
    bool good = c->answer(c->ctx, request, out);
    if (fclose(out) == 0) {
        int n = asprintf(&client->answer, "%s%s", good ? SVR_CONTROL_OK : SVR_CONTROL_ERROR, body);
        if (n < 0) client->answer = NULL;
        client->len = n < 0 ? 0 : (size_t)n;
    }
    free(body);
    return client->answer != NULL;
}

static void read_question(svrd_client *client) {
    svr_control_request request;
    ssize_t n = recv(client->source.fd, client->question + client->asked,
                     sizeof client->question - client->asked, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return;
    if (n > 0) client->asked += (size_t)n;
    svr_control_state state = SVR_CONTROL_BAD;
    if (n > 0) state = svr_control_decode(client->question, client->asked, &request);
    if (state == SVR_CONTROL_PARTIAL) return;
    if (state == SVR_CONTROL_BAD || !compose(client, &request) ||
        svrd_loop_change(client->control->loop, &client->source, EPOLLOUT) < 0) {
        drop(client);
        return;
    }
    write_answer(client);
}

static void client_ready(svrd_source *source, uint32_t events) {
    svrd_client *client = source->ctx;
    if (client->source.fd < 0) return;
    if (client->answer)
        write_answer(client);
    else if (events & EPOLLIN)
        read_question(client);
    else
        drop(client);
}

static svrd_client *free_client(svrd_control *c) {
    svrd_client *oldest = &c->clients[0];
    for (size_t i = 0; i < SVRD_CONTROL_CLIENTS_MAX; i++) {
        if (c->clients[i].source.fd < 0) return &c->clients[i];
        if (c->clients[i].order < oldest->order) oldest = &c->clients[i];
    }
    drop(oldest);
    return oldest;
}

static void listener_ready(svrd_source *source, uint32_t events) {
    (void)events;
    svrd_control *c = source->ctx;
    int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    svrd_client *client = free_client(c);
    client->source.fd = fd;
    client->order = c->arrivals++;
    if (svrd_loop_add(c->loop, &client->source, EPOLLIN) < 0) drop(client);
}

/* Somebody answers at the path. */
static bool in_use(const struct sockaddr_un *at) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    bool answered = connect(fd, (const struct sockaddr *)at, sizeof *at) == 0;
    close(fd);
    return answered;
}

static int bind_path(int fd, const char *path, svr_error *err) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct stat st;
    if (!*path || !svr_strcpy(at.sun_path, SVR_CONTROL_PATH_MAX, path))
        return svrd_fail(err, "control socket \"%s\": a path has 1 to %d bytes", path,
                         SVR_CONTROL_PATH_MAX - 1);
    if (strncmp(path, SVR_CONTROL_DIR "/", strlen(SVR_CONTROL_DIR "/")) == 0) mkdir(SVR_CONTROL_DIR, 0755);
    if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
        return svrd_fail(err, "control socket %s: there is a file of that name", path);
    if (in_use(&at))
        return svrd_fail(err, "control socket %s: another svrd answers there; choose one with --control",
                         path);
    unlink(path);
    mode_t before = umask(0117); /* 0660 from the first moment on */
    int rc = bind(fd, (struct sockaddr *)&at, sizeof at);
    int error = errno;
    umask(before);
    if (rc < 0) return svrd_fail_errno(err, error, NULL, "control socket %s", path);
    return 0;
}

int svrd_control_open(svrd_control *c, svrd_loop *loop, const char *path, svrd_answer_fn *answer, void *ctx,
                      svr_error *err) {
    *c = (svrd_control){.loop = loop, .answer = answer, .ctx = ctx};
    for (size_t i = 0; i < SVRD_CONTROL_CLIENTS_MAX; i++)
        c->clients[i] = (svrd_client){.source = {-1, client_ready, &c->clients[i]}, .control = c};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return svrd_fail_errno(err, errno, NULL, "control socket");
    if (bind_path(fd, path, err)) {
        close(fd);
        return -1;
    }
    svr_strcpy(c->path, sizeof c->path, path);
    c->listener = (svrd_source){fd, listener_ready, c};
    if (listen(fd, SVRD_CONTROL_CLIENTS_MAX) == 0 && svrd_loop_add(loop, &c->listener, EPOLLIN) == 0)
        return 0;
    svrd_fail_errno(err, errno, NULL, "control socket %s", path);
    svrd_control_close(c);
    return -1;
}

void svrd_control_close(svrd_control *c) {
    if (!*c->path) return;
    for (size_t i = 0; i < SVRD_CONTROL_CLIENTS_MAX; i++)
        drop(&c->clients[i]);
    close(c->listener.fd);
    unlink(c->path);
    c->path[0] = '\0';
}
