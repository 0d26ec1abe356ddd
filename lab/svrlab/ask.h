/* SPDX-License-Identifier: MIT
 * Questions to a running svrd, over its control socket. */
#ifndef SVRLAB_ASK_H
#define SVRLAB_ASK_H

#include <jansson.h>

#include "svr/show.h"

/* Asks as svrctl does, and waits for the answer: its text, to be freed. NULL when there is none or it is an
 * error, with the reason in ns3shim_error. A router that has just been started is given a moment. */
char *lab_ask(const char *socket_path, bool json, const char *command);

/* What a router answered to a show command. All zero at the beginning. */
typedef struct lab_answer {
    char *text;
    json_t *json;
    char *labels; /* of all fields, one after the other */
    svr_field *fields;
    svr_record *records;
    svr_report report; /* points into the others */
} lab_answer;

/* Asks for both forms and makes a report of them. svrd's JSON has keys and no labels: a label is its key as
 * words, or what the text form has for it. 0, or -1. */
int lab_answer_get(lab_answer *a, const char *socket_path, const char *command);
void lab_answer_fini(lab_answer *a);

#endif
