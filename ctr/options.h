// SPDX-License-Identifier: Apache-2.0
/* The command line of `tinyvmm ctr run`. */
#ifndef CTR_OPTIONS_H
#define CTR_OPTIONS_H

#include "ctr/spec.h"
#include "vmm/util/options.h"

enum options_result { OPTIONS_RUN, OPTIONS_DONE /* --help was printed */, OPTIONS_BAD /* every fault has been logged */ };

extern const struct option_def ctr_run_options[];
extern const unsigned ctr_run_option_count;

/* Parses argv (argv[0] is skipped) into *spec, fills in the defaults and checks the whole. spec_release() frees what was allocated, whatever the result. */
enum options_result ctr_run_parse(struct spec *spec, int argc, char **argv);

/* The same for `tinyvmm ctr create`, which takes the container's NAME as a word of its own. */
enum options_result ctr_create_parse(struct spec *spec, int argc, char **argv);

/* options_net.c: the handler of --net. */
const char *ctr_take_net(struct options *options, char *value);

/* Handlers of that table, for another one whose target is a struct spec, too. */
const char *ctr_take_workdir(struct options *options, char *value);
const char *ctr_take_env(struct options *options, char *value);

/* Defaults: a full container of nothing yet. */
void spec_init(struct spec *spec);
void spec_release(struct spec *spec);
/* Does a command of this name start a system? */
bool spec_is_init(const char *command);
/* Its capabilities, with what a system has besides. */
struct caps spec_caps(const struct spec *spec);
/* Logs every fault of the whole and returns their number. Opens nothing. */
unsigned spec_check(const struct spec *spec);

#endif
