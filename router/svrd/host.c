/* SPDX-License-Identifier: MIT */
#include "svrd/host.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/heap.h"
#include "common/json.h"
#include "common/version.h"
#include "svrd/announce.h"
#include "svrd/commands.h"
#include "svrd/confine.h"
#include "svrd/firewall.h"
#include "svrd/journal.h"
#include "svrd/privileges.h"
#include "svrd/report.h"

#define UPKEEP_PERIOD (5 * SVR_SEC)

/* ---- what comes out of the node ------------------------------------------------------------- */

/* Hands over the packets from `from` on that go to the same interface; where the next ones begin. */
static size_t send_run(svrd_host *h, svr_batch *out, size_t from) {
    svr_ifid ifid = out->pkt[from]->ifid;
    svrd_port *port = &h->ports[ifid];
    size_t end = from + 1;
    while (end < out->n && out->pkt[end]->ifid == ifid)
        end++;
    if (port->role == SVRD_WAN) {
        svrd_wan_send(&port->wan, out->pkt + from, end - from);
        return end;
    }
    svrd_tun_write(&port->tun, out->pkt + from, end - from);
    return end;
}

static void drain_packets(svrd_host *h, svr_time now) {
    svr_batch out = {0};
    while (svr_node_output(h->node, &out, now) > 0) {
        for (size_t i = 0; i < out.n;)
            i = send_run(h, &out, i);
        svr_batch_put(svr_env_pool(h->env), &out);
    }
}

/* Sessions come by the thousand: they are for the event file, not for people. */
static void drain_events(svrd_host *h) {
    svr_event ev;
    bool any = false;
    while (svr_node_next_event(h->node, &ev)) {
        any = true;
        if (h->events) svr_event_json(h->options->router, h->cfg->name, &ev, h->events);
        if (ev.kind != SVR_EVENT_SESSION || ev.severity > SVR_INFO) svrd_log_event(&h->log, &ev);
    }
    if (any && h->events) fflush(h->events);
}

static void drain_keys(svrd_host *h) {
    char line[SVR_KEYLOG_LINE_MAX];
    bool any = false;
    if (!h->keylog) return;
    while (svr_node_next_key_line(h->node, line)) {
        any = true;
        fprintf(h->keylog, "%s\n", line);
    }
    if (any) fflush(h->keylog);
    svr_wipe(line, sizeof line);
}

static bool follow_role(svrd_host *h);

static void drain(svrd_host *h, svr_time now) {
    /* What this node sends as it takes over needs its interfaces; opening them takes time. */
    if (follow_role(h)) now = svrd_clock_now(&h->clock);
    drain_packets(h, now);
    drain_events(h);
    drain_keys(h);
}

/* ---- what goes in --------------------------------------------------------------------------- */

static void take(svrd_host *h, svr_ifid ifid, svr_batch *batch) {
    if (batch->n == 0) return;
    svr_time now = svrd_clock_now(&h->clock);
    svr_node_input(h->node, ifid, batch, now);
    drain(h, now);
}

static void wan_ready(svrd_source *source, uint32_t events) {
    (void)events;
    svrd_port *port = source->ctx;
    do {
        svr_batch batch = {0};
        svrd_wan_read(&port->wan, source->fd, svr_env_pool(port->host->env), &batch);
        take(port->host, port->wan.iface->id, &batch);
    } while (port->open && svrd_wan_pending(&port->wan));
}

static void tun_ready(svrd_source *source, uint32_t events) {
    (void)events;
    svrd_port *port = source->ctx;
    do {
        svr_batch batch = {0};
        svrd_tun_read(&port->tun, svr_env_pool(port->host->env), &batch);
        take(port->host, port->tun.iface->id, &batch);
    } while (port->open && svrd_tun_pending(&port->tun));
}

static void signal_ready(svrd_source *source, uint32_t events) {
    (void)events;
    svrd_host *h = source->ctx;
    struct signalfd_siginfo info;
    svr_error err;
    if (read(source->fd, &info, sizeof info) != (ssize_t)sizeof info) return;
    if (info.ssi_signo != SIGHUP)
        h->stop = true;
    else if (svrd_commands_reload(h, &err))
        svrd_log_write(&h->log, SVR_MAJOR, "the certificates stay as they were: %s", err.message);
}

/* ---- links ---------------------------------------------------------------------------------- */

static void set_link(svrd_host *h, svrd_port *port, bool up) {
    svrd_wan *wan = &port->wan;
    if (wan->up == up) return;
    wan->up = up;
    svrd_log_write(&h->log, up ? SVR_INFO : SVR_MAJOR, "%s: link is %s", wan->iface->target,
                   up ? "up" : "down");
    if (up) svrd_wan_restore_routes(wan, &h->netlink);
    svr_node_interface_state(h->node, wan->iface->id, up, svrd_clock_now(&h->clock));
}

/* The other node of a pair has the same addresses: each is where the router serves. */
static bool is_shared(const svrd_host *h, const svr_interface *iface) {
    return h->pair && !iface->fabric;
}

static bool is_wanted(const svrd_host *h, const svr_interface *iface) {
    return iface->fabric || h->serves;
}

static void take_addresses(svrd_host *h, const svr_interface *iface) {
    svrd_link link = {0};
    if (svrd_netlink_get_link(&h->netlink, iface->target, &link)) return; /* opening will say so */
    for (size_t i = 0; i < iface->n_addresses; i++)
        svrd_netlink_add_address(&h->netlink, link.index, &iface->addresses[i].addr,
                                 iface->addresses[i].prefix_len);
}

static void give_up_addresses(svrd_host *h, const svr_interface *iface, int index) {
    for (size_t i = 0; i < iface->n_addresses; i++)
        svrd_netlink_del_address(&h->netlink, index, &iface->addresses[i].addr,
                                 iface->addresses[i].prefix_len);
}

static void announce_addresses(const svrd_wan *wan) {
    for (size_t i = 0; i < wan->iface->n_addresses; i++)
        svrd_announce(wan->index, wan->iface->target, &wan->iface->addresses[i].addr);
}

static void close_wan(svrd_port *port) {
    if (is_shared(port->host, port->wan.iface))
        give_up_addresses(port->host, port->wan.iface, port->wan.index);
    for (int k = 0; k < 2; k++) {
        if (port->sources[k].fd >= 0) svrd_loop_remove(&port->host->loop, &port->sources[k]);
        port->sources[k].fd = -1;
    }
    svrd_wan_close(&port->wan, &port->host->netlink);
    port->open = false;
}

static int open_wan(svrd_port *port, const svr_interface *iface, svr_error *err) {
    svrd_host *h = port->host;
    if (is_shared(h, iface)) take_addresses(h, iface);
    if (svrd_wan_open(&port->wan, h->config, iface, h->options->offload, &h->netlink, err)) return -1;
    for (int k = 0; k < 2; k++) {
        port->sources[k] = (svrd_source){port->wan.packet_fd[k], wan_ready, port};
        if (port->sources[k].fd < 0 || svrd_loop_add(&h->loop, &port->sources[k], EPOLLIN) == 0) continue;
        svrd_fail_errno(err, errno, NULL, "%s", iface->target);
        close_wan(port);
        return -1;
    }
    port->open = true;
    if (is_shared(h, iface)) announce_addresses(&port->wan);
    return 0;
}

/* A device that was removed and made again (a tunnel, an unplugged card) is another one to the kernel. It may
 * come before its address does, so failing here is no news: the next attempt is not far. */
static void reopen_wan(svrd_host *h, svrd_port *port, const svr_interface *iface) {
    svr_error err;
    if (open_wan(port, iface, &err)) return;
    bool up = port->wan.up;
    port->wan.up = false;
    set_link(h, port, up);
}

static void reopen_wans(svrd_host *h) {
    for (size_t i = 0; i < h->cfg->n_interfaces; i++)
        if (h->ports[i].role == SVRD_WAN && !h->ports[i].open && is_wanted(h, &h->cfg->interfaces[i]))
            reopen_wan(h, &h->ports[i], &h->cfg->interfaces[i]);
}

static void link_changed(void *ctx, const svrd_link *link) {
    svrd_host *h = ctx;
    for (size_t i = 0; i < h->cfg->n_interfaces; i++) {
        const svr_interface *iface = &h->cfg->interfaces[i];
        svrd_port *port = &h->ports[i];
        if (port->role != SVRD_WAN || strcmp(iface->target, link->name) != 0) continue;
        if (!is_wanted(h, iface)) {
            svr_node_interface_state(h->node, iface->id, link->up && !link->gone, svrd_clock_now(&h->clock));
            continue;
        }
        bool same = port->open && port->wan.index == link->index;
        if (port->open && (link->gone ? same : !same)) {
            set_link(h, port, false);
            close_wan(port);
        }
        if (port->open)
            set_link(h, port, link->up);
        else if (!link->gone)
            reopen_wan(h, port, iface);
    }
}

/* After a loss of messages every link is looked up anew. */
static void links_ready(svrd_source *source, uint32_t events) {
    (void)events;
    svrd_host *h = source->ctx;
    if (svrd_netlink_read_links(&h->links, link_changed, h) != -ENOBUFS) return;
    for (size_t i = 0; i < h->cfg->n_interfaces; i++) {
        svrd_link link;
        if (h->ports[i].role != SVRD_WAN) continue;
        if (svrd_netlink_get_link(&h->netlink, h->ports[i].wan.iface->target, &link) == 0)
            link_changed(h, &link);
    }
}

/* ---- starting ------------------------------------------------------------------------------- */

static int open_log_file(FILE **out, const char *path, mode_t mode, svr_error *err) {
    if (!path) return 0;
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? dup(STDOUT_FILENO) : open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, mode);
    *out = fd < 0 ? NULL : fdopen(fd, "a");
    return *out ? 0 : svrd_fail_errno(err, errno, NULL, "%s", path);
}

static int open_files(svrd_host *h, svr_error *err) {
    if (open_log_file(&h->events, h->options->events, 0644, err)) return -1;
    if (open_log_file(&h->keylog, h->options->keylog, 0600, err)) return -1;
    if (h->keylog)
        svrd_log_write(&h->log, SVR_MINOR, "every key goes to %s: whoever reads it can decrypt everything",
                       h->options->keylog);
    return 0;
}

static int open_node(svrd_host *h, svr_error *err) {
    svrd_credentials files;
    svr_env_params env = {.alloc = &svr_heap};
    if (svrd_credentials_read(&files, h->options, h->config, err)) return -1;
    h->env = svr_env_new(&env);
    if (!h->env) {
        svrd_credentials_fini(&files);
        return svrd_fail(err, "out of memory, or OpenSSL lacks an algorithm");
    }
    svr_time now = svrd_clock_now(&h->clock);
    svr_node_params params = {.env = h->env,
                              .config = h->config,
                              .router = h->options->router,
                              .node = h->options->node,
                              .credentials = svrd_credentials_get(&files),
                              .wall = svrd_clock_wall(&h->clock, now),
                              .keylog = h->keylog != NULL,
                              .open_checksums = true};
    int rc = svr_node_new(&params, now, &h->node, err);
    svrd_credentials_fini(&files);
    if (rc == 0) h->serves = svr_node_serves(h->node);
    h->pair = rc == 0 && !h->serves;
    return rc;
}

/* An interface that this node does not use while it stands by. A program that was killed has left its
 * address.
 */
static void leave_alone(svrd_host *h, const svr_interface *iface) {
    svrd_link link = {0};
    bool there = svrd_netlink_get_link(&h->netlink, iface->target, &link) == 0;
    if (there) give_up_addresses(h, iface, link.index);
    if (!there || !link.up) svr_node_interface_state(h->node, iface->id, false, svrd_clock_now(&h->clock));
}

static int open_wans(svrd_host *h, svr_error *err) {
    for (size_t i = 0; i < h->cfg->n_interfaces; i++) {
        const svr_interface *iface = &h->cfg->interfaces[i];
        svrd_port *port = &h->ports[i];
        *port = (svrd_port){.host = h, .role = svrd_plan_role(iface), .sources = {{.fd = -1}, {.fd = -1}}};
        if (port->role != SVRD_WAN) continue;
        if (!is_wanted(h, iface)) {
            leave_alone(h, iface);
            continue;
        }
        if (open_wan(port, iface, err)) return -1;
        if (!port->wan.up) svr_node_interface_state(h->node, iface->id, false, svrd_clock_now(&h->clock));
    }
    return 0;
}

static int open_tuns(svrd_host *h, uint32_t wan_mtu, svr_error *err) {
    for (size_t i = 0; i < h->cfg->n_interfaces; i++) {
        const svr_interface *iface = &h->cfg->interfaces[i];
        svrd_port *port = &h->ports[i];
        if (port->role != SVRD_LAN || port->open || !is_wanted(h, iface)) continue;
        if (svrd_tun_open(&port->tun, iface, wan_mtu, h->options->offload, &h->netlink, &h->log, err))
            return -1;
        port->open = true;
        port->sources[0] = (svrd_source){port->tun.fd, tun_ready, port};
        if (svrd_loop_add(&h->loop, &port->sources[0], EPOLLIN) < 0)
            return svrd_fail_errno(err, errno, NULL, "%s", iface->target);
    }
    return 0;
}

static uint32_t smallest_mtu(const svrd_host *h) {
    uint32_t mtu = SVR_PACKET_LEN_MAX;
    for (size_t i = 0; i < h->cfg->n_interfaces; i++) {
        const svrd_port *port = &h->ports[i];
        if (port->role != SVRD_WAN || !port->open || h->cfg->interfaces[i].fabric) continue;
        if (port->wan.mtu < mtu) mtu = port->wan.mtu;
        if (h->cfg->interfaces[i].mtu < mtu) mtu = h->cfg->interfaces[i].mtu;
    }
    return mtu;
}

/* ---- one of two nodes ----------------------------------------------------------------------- */

static void close_tun(svrd_port *port) {
    if (port->sources[0].fd >= 0) svrd_loop_remove(&port->host->loop, &port->sources[0]);
    svrd_tun_close(&port->tun);
    port->open = false;
}

static void close_port(svrd_port *port) {
    if (!port->open) return;
    if (port->role == SVRD_WAN)
        close_wan(port);
    else
        close_tun(port);
}

static void open_served(svrd_host *h) {
    svr_error err;
    reopen_wans(h);
    if (open_tuns(h, smallest_mtu(h), &err)) svrd_log_write(&h->log, SVR_MAJOR, "%s", err.message);
}

static void close_served(svrd_host *h) {
    for (size_t i = 0; i < h->cfg->n_interfaces; i++)
        if (!h->cfg->interfaces[i].fabric) close_port(&h->ports[i]);
}

/* True when the role changed, and interfaces with it. */
static bool follow_role(svrd_host *h) {
    if (svr_node_serves(h->node) == h->serves) return false;
    h->serves = !h->serves;
    svrd_log_write(&h->log, h->serves ? SVR_MAJOR : SVR_INFO,
                   h->serves ? "this node serves now" : "the other node serves");
    if (h->serves)
        open_served(h);
    else
        close_served(h);
    return true;
}

static int open_signals(svrd_host *h, svr_error *err) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    h->signal_source = (svrd_source){signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), signal_ready, h};
    if (h->signal_source.fd < 0 || svrd_loop_add(&h->loop, &h->signal_source, EPOLLIN) < 0)
        return svrd_fail_errno(err, errno, NULL, "signals");
    return 0;
}

/* Watching starts before the first look at the links, so that no change falls in between. */
static int open_netlink(svrd_host *h, svr_error *err) {
    int rc = svrd_netlink_init(&h->netlink);
    if (rc == 0) rc = svrd_netlink_init(&h->links);
    if (rc == 0) rc = svrd_netlink_watch_links(&h->links);
    if (rc) return svrd_fail_errno(err, -rc, NULL, "rtnetlink");
    h->link_source = (svrd_source){svrd_netlink_fd(&h->links), links_ready, h};
    if (svrd_loop_add(&h->loop, &h->link_source, EPOLLIN) < 0)
        return svrd_fail_errno(err, errno, NULL, "rtnetlink");
    return 0;
}

static int open_control(svrd_host *h, svr_error *err) {
    char path[SVR_CONTROL_PATH_MAX];
    const char *at = h->options->control;
    if (!at) {
        if (!svr_control_path(h->options->router, path))
            return svrd_fail(err, "the router's name is too long for a socket: choose one with --control");
        at = path;
    }
    return svrd_control_open(&h->control, &h->loop, at, svrd_commands_answer, h, err);
}

static int open_kernel(svrd_host *h, svr_error *err) {
    h->ports = calloc(h->cfg->n_interfaces, sizeof *h->ports);
    if (!h->ports) return svrd_fail_errno(err, ENOMEM, NULL, "%s", h->cfg->name);
    if (open_netlink(h, err) || open_wans(h, err) || open_tuns(h, smallest_mtu(h), err)) return -1;
    if (svrd_firewall_install(h->config, h->cfg, err)) return -1;
    h->firewall = true;
    return 0;
}

static bool reads_zero(const char *path) {
    FILE *f = fopen(path, "re");
    int c = f ? fgetc(f) : EOF;
    if (f) fclose(f);
    return c == '0';
}

static void tell_about_forwarding(const svrd_host *h) {
    bool lan = false;
    for (size_t i = 0; i < h->cfg->n_interfaces; i++)
        lan |= h->cfg->interfaces[i].type == SVR_DEVICE_TUN;
    if (lan && reads_zero("/proc/sys/net/ipv4/ip_forward"))
        svrd_log_write(
            &h->log, SVR_MINOR,
            "the kernel does not forward IPv4: only this machine's own programs can use the LAN side "
            "(sysctl -w net.ipv4.ip_forward=1)");
}

int svrd_host_open(svrd_host *h, const svrd_options *options, const svr_config *config, svr_error *err) {
    *h = (svrd_host){
        .options = options, .config = config, .loop = {.epoll_fd = -1}, .signal_source = {.fd = -1}};
    h->cfg = svr_config_node(svr_config_router(config, options->router), options->node);
    svrd_clock_init(&h->clock, options->clock_rate);
    if (options->clock_set) svrd_clock_set(&h->clock, options->clock_system, options->clock_wall);
    h->log = (svrd_log){&h->clock, options->router, h->cfg->name, svrd_journal_reads()};
    svrd_privileges_prepare(&h->log);
    if (svrd_loop_init(&h->loop) < 0) {
        svrd_fail_errno(err, errno, NULL, "epoll");
    } else if (open_files(h, err) == 0 && open_signals(h, err) == 0 && open_node(h, err) == 0 &&
               open_kernel(h, err) == 0 && open_control(h, err) == 0 && svrd_confine(h, err) == 0) {
        tell_about_forwarding(h);
        svrd_log_write(&h->log, SVR_INFO, "svrd %s: router %s is ready, control socket %s", SVR_VERSION,
                       options->router, h->control.path);
        svrd_journal_ready(options->router);
        return 0;
    }
    svrd_host_close(h);
    return -1;
}

/* The kernel may answer for waypoint ports again only when no packet of ours can come back: last. */
void svrd_host_close(svrd_host *h) {
    svrd_control_close(&h->control);
    for (size_t i = 0; h->ports && i < h->cfg->n_interfaces; i++)
        close_port(&h->ports[i]);
    free(h->ports);
    if (h->firewall) svrd_firewall_remove(h->cfg);
    svrd_netlink_fini(&h->links);
    svrd_netlink_fini(&h->netlink);
    if (h->signal_source.fd >= 0) close(h->signal_source.fd);
    svrd_loop_fini(&h->loop);
    svr_node_del(h->node);
    if (h->env) svr_env_del(h->env);
    if (h->events) fclose(h->events);
    if (h->keylog) fclose(h->keylog);
}

/* ---- running -------------------------------------------------------------------------------- */

static bool is_lan(const svrd_host *h, size_t i) {
    return h->ports[i].role == SVRD_LAN && h->ports[i].open;
}

static uint64_t time_to_wait(const svrd_host *h, svr_time now) {
    svr_time deadline = svr_node_deadline(h->node);
    if (h->upkeep_again < deadline) deadline = h->upkeep_again;
    for (size_t i = 0; i < h->cfg->n_interfaces; i++)
        if (is_lan(h, i) && svrd_tun_deadline(&h->ports[i].tun) < deadline)
            deadline = svrd_tun_deadline(&h->ports[i].tun);
    if (deadline <= now) return 0;
    return svrd_clock_mono(&h->clock, deadline) - svrd_clock_mono(&h->clock, now);
}

static void follow_wall(svrd_host *h, svr_time now) {
    if (!svrd_clock_follow(&h->clock, now)) return;
    svrd_log_write(&h->log, SVR_INFO, "the system's clock was set; following it");
    svr_node_set_wall(h->node, svrd_clock_wall(&h->clock, now), now);
}

static void keep_up(svrd_host *h, svr_time now) {
    if (now < h->upkeep_again) return;
    h->upkeep_again = now + UPKEEP_PERIOD;
    svrd_journal_alive();
    follow_wall(h, now);
    reopen_wans(h);
    for (size_t i = 0; i < h->cfg->n_interfaces; i++)
        if (h->ports[i].role == SVRD_WAN && h->ports[i].open) svrd_wan_tell(&h->ports[i].wan, &h->log);
}

int svrd_host_run(svrd_host *h, svr_error *err) {
    while (!h->stop) {
        keep_up(h, svrd_clock_now(&h->clock));
        svr_time now = svrd_clock_now(&h->clock); /* keeping up takes time, and tells the node of it */
        if (svr_node_deadline(h->node) <= now) svr_node_expire(h->node, now);
        for (size_t i = 0; i < h->cfg->n_interfaces; i++)
            if (is_lan(h, i)) svrd_tun_expire(&h->ports[i].tun, now);
        drain(h, now);
        if (svrd_loop_wait(&h->loop, time_to_wait(h, now)) < 0)
            return svrd_fail_errno(err, errno, NULL, "epoll");
    }
    svrd_log_write(&h->log, SVR_INFO, "stopping");
    svrd_journal_stopping();
    return 0;
}
