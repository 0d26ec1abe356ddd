/* SPDX-License-Identifier: MIT
 * Network namespaces of a run. They are called svrlab-PID-INDEX-NAME, so that runs may go side by side, and
 * go when the program ends, whatever ends it but SIGKILL; the next run removes what that left behind.
 *
 * Functions that return int give 0, or -1 with the reason in lab_reason. */
#ifndef SVRLAB_SPACE_H
#define SVRLAB_SPACE_H

#include <sys/types.h>

#define LAB_SPACE_NAME_MAX 128

typedef struct lab_space {
    char name[LAB_SPACE_NAME_MAX];
    int fd; /* of the namespace */
} lab_space;

/* Why something failed last. */
const char *lab_reason(void);
/* Keeps a reason for lab_reason; returns -1. */
int lab_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Runs a program, found by PATH; the words of the line are separated by single blanks. Fails when its exit
 * status is not 0. */
int lab_program(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Makes a namespace that forwards between its devices. Bytes of `name` that a file name does not like are
 * replaced. */
int lab_space_make(lab_space *space, const char *name);
/* Moves this thread into the namespace, and back. What is opened between stays there. */
int lab_space_enter(const lab_space *space);
void lab_space_leave(void);
/* Removes all namespaces of this process; also done at exit. */
void lab_space_remove_all(void);
/* Removes namespaces and folders of runs whose process is gone, and says so on stderr. */
void lab_space_remove_leftovers(void);

/* The folder of this run for sockets and keys, made at the first call and removed with the namespaces. NULL
 * when it cannot be made. */
const char *lab_run_folder(void);

#endif
