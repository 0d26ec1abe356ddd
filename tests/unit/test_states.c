/* SPDX-License-Identifier: MIT
 * State machines: every state with every input, and the table of docs/protocol.md, which must say the same.
 */
#include "peer/bfd.h"
#include "peer/security_state.h"
#include "unit.h"

#include <stdio.h>

#define DOC_MAX 131072

/* PD-STATES */
static void test_states_of_security_are_those_of_the_documentation(void **state) {
    (void)state;
    static char doc[DOC_MAX];
    FILE *f = fopen("docs/protocol.md", "r"); /* tests run from the project's folder */
    assert_non_null(f);
    doc[fread(doc, 1, sizeof doc - 1, f)] = 0;
    fclose(f);
    size_t rows = 0;
    for (int from = 0; from < SVR_SECURITY_STATE_COUNT; from++) {
        for (int in = 0; in < SVR_SECURITY_INPUT_COUNT; in++) {
            svr_security_state to = svr_security_next_state((svr_security_state)from, (svr_security_input)in);
            char row[128];
            if ((int)to == from) continue;
            snprintf(row, sizeof row, "| %s | %s | %s |\n", svr_security_state_name((svr_security_state)from),
                     svr_security_input_name((svr_security_input)in), svr_security_state_name(to));
            if (!strstr(doc, row)) fail_msg("docs/protocol.md lacks the row %s", row);
            rows++;
        }
    }
    const char *at = strstr(doc, "| state | leaves on | to |\n");
    assert_non_null(at);
    size_t written = 0;
    for (at = strchr(at, '\n') + 1; *at == '|'; at = strchr(at, '\n') + 1)
        written++;
    assert_int_equal(written - 1, rows); /* the first is the rule under the head */
}

#define A SVR_BFD_ADMIN_DOWN
#define D SVR_BFD_DOWN
#define I SVR_BFD_INIT
#define U SVR_BFD_UP

/* RFC 5880 section 6.8.6, a row a state */
static void test_states_of_bfd_follow_the_rfc(void **state) {
    (void)state;
    static const svr_bfd_state next[4][4] = {
        /*            A  D  I  U: remote */
        [A] = {A, A, A, A},
        [D] = {D, I, U, D},
        [I] = {D, I, U, U},
        [U] = {D, D, U, U},
    };
    for (int s = 0; s < 4; s++)
        for (int r = 0; r < 4; r++)
            assert_int_equal(svr_bfd_next_state((svr_bfd_state)s, (svr_bfd_state)r), next[s][r]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states_of_security_are_those_of_the_documentation),
        cmocka_unit_test(test_states_of_bfd_follow_the_rfc),
    };
    return cmocka_run_group_tests_name("states", tests, NULL, NULL);
}
