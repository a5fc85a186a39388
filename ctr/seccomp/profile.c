// SPDX-License-Identifier: Apache-2.0
/*
 * A profile in the OCI runtime specification's form (1.1, config-linux.md, "Seccomp"), with what engines added to it and resolve
 * themselves: archMap, and includes and excludes of a rule. Read by jansson, in a worker.
 *
 * As engines do: a call's name that is not known is passed over, so that one profile serves many kernels; conditions on one and the same
 * argument are alternatives, and a rule each. What is not done: SCMP_ACT_NOTIFY, since nobody would listen; numbers from 2^63 on, which
 * jansson does not read.
 */
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "ctr/caps.h"
#include "ctr/seccomp/seccomp_impl.h"
#include "vmm/util/lib.h"
#include "vmm/util/log.h"

#define JSON_CALLS(X) \
	X(json_loadb) X(json_delete) X(json_object_get) X(json_array_size) X(json_array_get) X(json_string_value) X(json_integer_value)
LIB_STRUCT(json_lib, JSON_CALLS);

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1ul << 5)
#endif

#define ERRNO_MAX 4094 /* the kernel takes one more, libseccomp does not */
#define ERRNO_NONE (-1)

struct reader {
	struct json_lib lib;
	struct seccomp_policy *policy;
	const char *name;
	char place[48]; /* "syscalls[3]"; empty: the profile as a whole */
	uint64_t caps;
	struct utsname host;
};

__attribute__((format(printf, 2, 3))) static int fault(const struct reader *r, const char *format, ...)
{
	char what[192];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	/* A stranger's text goes to somebody's terminal. */
	for (char *at = what; *at; at++)
		*at = *at >= ' ' && *at < 0x7f ? *at : '?';
	log_error("%s: %s%s%s", r->name, r->place, r->place[0] ? ": " : "", what);
	return -EINVAL;
}

/* --- JSON's types ------------------------------------------------------------------------------------------------------------------------
 */

/* What is not there and what is null are the same: *value is NULL. */
static int get(const struct reader *r, const json_t *object, const char *key, json_type type, json_t **value)
{
	static const char *const types[] = {
		[JSON_OBJECT] = "an object",
		[JSON_ARRAY] = "a list",
		[JSON_STRING] = "a string",
		[JSON_INTEGER] = "a whole number",
	};
	json_t *v = r->lib.json_object_get(object, key);

	*value = json_is_null(v) ? NULL : v;
	return *value && json_typeof(*value) != type ? fault(r, "%s is not %s", key, types[type]) : 0;
}

/* *text stays NULL when it is not there; it lives as long as the JSON. */
static int get_string(const struct reader *r, const json_t *object, const char *key, const char **text)
{
	json_t *value;
	int err = get(r, object, key, JSON_STRING, &value);

	if (!err && value)
		*text = r->lib.json_string_value(value);
	return err;
}

/* *number stays as it is when it is not there. */
static int get_number(const struct reader *r, const json_t *object, const char *key, json_int_t max, json_int_t *number)
{
	json_t *value;
	int err = get(r, object, key, JSON_INTEGER, &value);

	if (err || !value)
		return err;
	*number = r->lib.json_integer_value(value);
	return *number < 0 || *number > max ? fault(r, "%s is not from 0 to %lld", key, (long long)max) : 0;
}

/* A list of strings. Calls `each` for all of them; *count tells how many there are. */
static int each_string(struct reader *r, const json_t *object, const char *key, int (*each)(struct reader *r, const char *text, void *arg),
		       void *arg, size_t *count)
{
	json_t *list;
	int err = get(r, object, key, JSON_ARRAY, &list);

	*count = err || !list ? 0 : r->lib.json_array_size(list);
	for (size_t i = 0; i < *count && !err; i++) {
		const json_t *text = r->lib.json_array_get(list, i);
		err = json_is_string(text) ? each(r, r->lib.json_string_value(text), arg) : fault(r, "%s[%zu] is not a string", key, i);
	}
	return err;
}

/* --- actions
 * ------------------------------------------------------------------------------------------------------------------------------ */

static const struct {
	const char *name;
	uint32_t action;
	bool has_errno;
} actions[] = {
	{"SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW, false},
	{"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO, true},
	{"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD, false},
	{"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD, false},
	{"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS, false},
	{"SCMP_ACT_TRAP", SECCOMP_RET_TRAP, false},
	{"SCMP_ACT_TRACE", SECCOMP_RET_TRACE, true},
	{"SCMP_ACT_LOG", SECCOMP_RET_LOG, false},
};

/* `number` is ERRNO_NONE where the profile gives none. */
static int action_of(const struct reader *r, const char *key, const char *name, const char *errno_key, json_int_t number, uint32_t *action)
{
	if (!name)
		return fault(r, "%s is missing", key);
	if (!strcmp(name, "SCMP_ACT_NOTIFY")) {
		fault(r, "%s is SCMP_ACT_NOTIFY, and there is nobody here to be notified: take SCMP_ACT_ERRNO or SCMP_ACT_ALLOW", key);
		return -ENOTSUP;
	}
	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
		if (strcmp(name, actions[i].name) != 0)
			continue;
		if (number != ERRNO_NONE && !actions[i].has_errno)
			return fault(r, "%s with %s, which gives back no error number", errno_key, name);
		*action = actions[i].action;
		if (actions[i].has_errno)
			*action |= number == ERRNO_NONE ? EPERM : (uint32_t)number;
		return 0;
	}
	return fault(r, "%s is \"%.40s\", which is no action (SCMP_ACT_ALLOW, SCMP_ACT_ERRNO, ...)", key, name);
}

static bool permits(uint32_t action)
{
	return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
}

/* A profile that says which number refused calls have by default, and it is this one, needs no more of it; neither does one that lists what
 * is forbidden. */
static int read_default(struct reader *r, const json_t *root)
{
	struct seccomp_policy *policy = r->policy;
	json_int_t number = ERRNO_NONE;
	const char *name = NULL;
	int err = get_string(r, root, "defaultAction", &name);

	if (!err)
		err = get_number(r, root, "defaultErrnoRet", ERRNO_MAX, &number);
	if (!err)
		err = action_of(r, "defaultAction", name, "defaultErrnoRet", number, &policy->default_action);
	policy->newer_enosys = !err && !permits(policy->default_action) && policy->default_action != (SECCOMP_RET_ERRNO | ENOSYS);
	return err;
}

/* --- architectures and flags
 * -------------------------------------------------------------------------------------------------------------- */

static int add_arch(struct reader *r, const char *text, void *arg)
{
	static const char prefix[] = "SCMP_ARCH_";
	struct seccomp_policy *policy = r->policy;
	size_t len = strlen(text), skip = strlen(prefix);
	char *name;

	(void)arg;
	if (strncmp(text, prefix, skip) != 0 || len == skip || len - skip >= SECCOMP_ARCH_NAME_MAX ||
	    strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != len)
		return fault(r, "\"%.40s\" is no architecture (SCMP_ARCH_X86_64, SCMP_ARCH_AARCH64, ...)", text);
	if (policy->arch_count == SECCOMP_ARCHES_MAX)
		return 0; /* more than there are: the same ones again */
	name = policy->arch[policy->arch_count];
	for (size_t i = skip; i <= len; i++)
		name[i - skip] = (char)tolower((unsigned char)text[i]);
	for (unsigned i = 0; i < policy->arch_count; i++) {
		if (!strcmp(policy->arch[i], name))
			return 0;
	}
	policy->arch_count++;
	return 0;
}

/* Each entry is an architecture and those that its kernels run too. All of them: the compiler takes this machine's. */
static int read_arch_map(struct reader *r, const json_t *root)
{
	json_t *map;
	size_t count;
	int err = get(r, root, "archMap", JSON_ARRAY, &map);

	for (size_t i = 0; !err && map && i < r->lib.json_array_size(map); i++) {
		const json_t *entry = r->lib.json_array_get(map, i);
		const char *own = NULL;
		snprintf(r->place, sizeof(r->place), "archMap[%zu]", i);
		err = json_is_object(entry) ? get_string(r, entry, "architecture", &own) : fault(r, "it is not an object");
		if (!err && own)
			err = add_arch(r, own, NULL);
		if (!err)
			err = each_string(r, entry, "subArchitectures", add_arch, NULL, &count);
	}
	r->place[0] = '\0';
	return err;
}

static int add_flag(struct reader *r, const char *text, void *arg)
{
	(void)arg;
	if (!strcmp(text, "SECCOMP_FILTER_FLAG_TSYNC"))
		r->policy->flags |= SECCOMP_FILTER_FLAG_TSYNC;
	else if (!strcmp(text, "SECCOMP_FILTER_FLAG_LOG"))
		r->policy->flags |= SECCOMP_FILTER_FLAG_LOG;
	else if (!strcmp(text, "SECCOMP_FILTER_FLAG_SPEC_ALLOW"))
		r->policy->flags |= SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	else if (strcmp(text, "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV") != 0) /* about a listener, which there is not */
		return fault(r, "flags: \"%.48s\" is no flag", text);
	return 0;
}

/* --- whether a rule is for this process
 * ------------------------------------------------------------------------------------------------------- */

struct matches {
	size_t some;
};

static int count_cap(struct reader *r, const char *text, void *arg)
{
	struct matches *matches = arg;
	uint64_t set;

	/* One that is newer than this program is not held. */
	if (!caps_parse(text, &set) && (set & ~r->caps) == 0)
		matches->some++;
	return 0;
}

/* Engines name machines as the Go compiler does. */
static int count_arch(struct reader *r, const char *text, void *arg)
{
	static const char *const go_names[][2] = {{"x86_64", "amd64"}, {"aarch64", "arm64"}};
	struct matches *matches = arg;
	const char *machine = r->host.machine;

	for (size_t i = 0; i < sizeof(go_names) / sizeof(*go_names); i++) {
		if (!strcmp(machine, go_names[i][0]))
			machine = go_names[i][1];
	}
	if (!strcmp(text, machine))
		matches->some++;
	return 0;
}

/* "4.8", and no more than that. */
static bool read_version(const char *text, bool whole, unsigned *major, unsigned *minor)
{
	int end = 0;

	if (!isdigit((unsigned char)text[0]) || sscanf(text, "%4u.%4u%n", major, minor, &end) != 2 || !end)
		return false;
	return !whole || !text[end];
}

/* Sets *told when the profile says something of it, *newer when this kernel is as new. */
static int read_min_kernel(const struct reader *r, const json_t *object, bool *told, bool *newer)
{
	unsigned major, minor, our_major = 0, our_minor = 0;
	const char *text = NULL;
	int err = get_string(r, object, "minKernel", &text);

	*told = !err && text && *text;
	if (!*told)
		return err;
	if (!read_version(text, true, &major, &minor))
		return fault(r, "minKernel \"%.20s\" is not of the form 4.8", text);
	(void)read_version(r->host.release, false, &our_major, &our_minor);
	*newer = our_major > major || (our_major == major && our_minor >= minor);
	return 0;
}

/* Included where all capabilities, one of the architectures and the kernel are there; excluded where one of all that is. */
static int read_condition(struct reader *r, const json_t *rule, const char *key, bool include, bool *applies)
{
	struct matches caps = {0}, arches = {0};
	size_t cap_count, arch_count;
	bool told = false, newer = false;
	json_t *object;
	int err = get(r, rule, key, JSON_OBJECT, &object);

	if (err || !object)
		return err;
	err = each_string(r, object, "caps", count_cap, &caps, &cap_count);
	if (!err)
		err = each_string(r, object, "arches", count_arch, &arches, &arch_count);
	if (!err)
		err = read_min_kernel(r, object, &told, &newer);
	if (err)
		return err;
	if (include)
		*applies &= caps.some == cap_count && (arches.some || !arch_count) && (newer || !told);
	else
		*applies &= !caps.some && !arches.some && !newer;
	return 0;
}

/* --- rules
 * ------------------------------------------------------------------------------------------------------------------------------------ */

static int read_compare(const struct reader *r, const char *text, enum seccomp_compare *compare)
{
	static const char *const names[] = {
		[COMPARE_NE] = "SCMP_CMP_NE",
		[COMPARE_LT] = "SCMP_CMP_LT",
		[COMPARE_LE] = "SCMP_CMP_LE",
		[COMPARE_EQ] = "SCMP_CMP_EQ",
		[COMPARE_GE] = "SCMP_CMP_GE",
		[COMPARE_GT] = "SCMP_CMP_GT",
		[COMPARE_MASKED] = "SCMP_CMP_MASKED_EQ",
	};

	for (unsigned i = 0; text && i < sizeof(names) / sizeof(*names); i++) {
		if (!strcmp(text, names[i])) {
			*compare = (enum seccomp_compare)i;
			return 0;
		}
	}
	return fault(r, "args: op is %s%.40s, which is no comparison (SCMP_CMP_EQ, ...)", text ? "" : "missing", text ? text : "");
}

static int read_arg(const struct reader *r, const json_t *object, struct seccomp_arg *arg)
{
	json_int_t index = ERRNO_NONE, value = 0, second = 0;
	const char *op = NULL;
	int err = json_is_object(object) ? 0 : fault(r, "args has something that is not an object");

	if (!err)
		err = get_number(r, object, "index", SECCOMP_ARGS_MAX - 1, &index);
	if (!err && index < 0)
		err = fault(r, "args: index is missing");
	if (!err)
		err = get_number(r, object, "value", INT64_MAX, &value);
	if (!err)
		err = get_number(r, object, "valueTwo", INT64_MAX, &second);
	if (!err)
		err = get_string(r, object, "op", &op);
	if (!err)
		err = read_compare(r, op, &arg->compare);
	arg->index = (unsigned)index;
	arg->value = (uint64_t)value;
	arg->second = (uint64_t)second;
	return err;
}

/* The conditions of an entry, which its names share. More than there are arguments can only be alternatives on one of them. */
#define CONDITIONS_MAX 64

struct entry {
	struct seccomp_rule rule;
	struct seccomp_arg condition[CONDITIONS_MAX];
	unsigned condition_count;
	bool alternatives;
};

static int read_args(const struct reader *r, const json_t *object, struct entry *entry)
{
	unsigned seen = 0;
	json_t *list;
	int err = get(r, object, "args", JSON_ARRAY, &list);
	size_t count = err || !list ? 0 : r->lib.json_array_size(list);

	if (count > CONDITIONS_MAX)
		return fault(r, "args: %zu conditions, %d are the limit", count, CONDITIONS_MAX);
	for (size_t i = 0; i < count && !err; i++) {
		struct seccomp_arg *arg = &entry->condition[entry->condition_count++];
		err = read_arg(r, r->lib.json_array_get(list, i), arg);
		if (err)
			break;
		entry->alternatives |= seen >> arg->index & 1;
		seen |= 1u << arg->index;
	}
	return err;
}

static int add_rule(const struct reader *r, const struct seccomp_rule *rule)
{
	int err = seccomp_policy_add(r->policy, rule);

	if (err == -E2BIG)
		fault(r, "the profile has more than %d rules", SECCOMP_RULES_MAX);
	else if (err)
		log_error("%s: %s", r->name, strerror(-err));
	return err == -E2BIG ? -EINVAL : err;
}

static int add_call(struct reader *r, const char *name, void *arg)
{
	struct entry *entry = arg;
	struct seccomp_rule *rule = &entry->rule;
	int err = 0;

	if (!*name)
		return fault(r, "a name is empty");
	/* No call has so long a name, so it is one that is not known. */
	if (strlen(name) >= sizeof(rule->name))
		return 0;
	strcpy(rule->name, name);
	if (!entry->alternatives) {
		rule->arg_count = entry->condition_count;
		memcpy(rule->arg, entry->condition, entry->condition_count * sizeof(*rule->arg));
		return add_rule(r, rule);
	}
	rule->arg_count = 1;
	for (unsigned i = 0; i < entry->condition_count && !err; i++) {
		rule->arg[0] = entry->condition[i];
		err = add_rule(r, rule);
	}
	return err;
}

/* The names of an entry; "name" is what engines had before there were several. */
static int read_names(struct reader *r, const json_t *object, struct entry *entry)
{
	const char *name = NULL;
	size_t count = 0;
	int err = get_string(r, object, "name", &name);

	if (!err && name)
		err = add_call(r, name, entry);
	if (!err)
		err = each_string(r, object, "names", add_call, entry, &count);
	return !err && !name && !count ? fault(r, "names is missing or empty") : err;
}

static int read_call(struct reader *r, const json_t *object)
{
	struct entry entry = {0};
	json_int_t number = ERRNO_NONE;
	const char *action = NULL;
	bool applies = true;
	int err = json_is_object(object) ? get_string(r, object, "action", &action) : fault(r, "it is not an object");

	if (!err)
		err = get_number(r, object, "errnoRet", ERRNO_MAX, &number);
	if (!err)
		err = action_of(r, "action", action, "errnoRet", number, &entry.rule.action);
	if (!err)
		err = read_args(r, object, &entry);
	if (!err)
		err = read_condition(r, object, "includes", true, &applies);
	if (!err)
		err = read_condition(r, object, "excludes", false, &applies);
	entry.rule.named_only = !applies;
	return err ? err : read_names(r, object, &entry);
}

static int read_calls(struct reader *r, const json_t *root)
{
	json_t *list;
	int err = get(r, root, "syscalls", JSON_ARRAY, &list);

	for (size_t i = 0; !err && list && i < r->lib.json_array_size(list); i++) {
		snprintf(r->place, sizeof(r->place), "syscalls[%zu]", i);
		err = read_call(r, r->lib.json_array_get(list, i));
	}
	r->place[0] = '\0';
	return err;
}

static int read_listener(struct reader *r, const json_t *root)
{
	const char *path = NULL;
	int err = get_string(r, root, "listenerPath", &path);

	if (!err && path) {
		fault(r, "listenerPath asks for a listener, and there is none here");
		err = -ENOTSUP;
	}
	return err;
}

static int read_profile(struct reader *r, const json_t *root)
{
	size_t count;
	int err = json_is_object(root) ? read_default(r, root) : fault(r, "it is not an object");

	if (!err)
		err = read_listener(r, root);
	if (!err)
		err = each_string(r, root, "architectures", add_arch, NULL, &count);
	if (!err)
		err = read_arch_map(r, root);
	if (!err)
		err = each_string(r, root, "flags", add_flag, NULL, &count);
	return err ? err : read_calls(r, root);
}

int seccomp_profile_parse(struct seccomp_policy *policy, const char *json, size_t len, const char *name, uint64_t caps)
{
	struct reader r = {.policy = policy, .name = name, .caps = caps};
	json_error_t error;
	json_t *root;
	int err;

	*policy = (struct seccomp_policy){0};
	if (len > SECCOMP_JSON_MAX)
		return fault(&r, "it is larger than 1 MiB, which no profile is");
	err = LIB_OPEN(&r.lib, "libjansson.so.4", "libjansson4", JSON_CALLS);
	if (err) {
		log_error("without it there are no profiles: the default list needs none");
		return err;
	}
	if (uname(&r.host))
		return -errno;
	/* Of a key that is there twice, readers of JSON take now the one, now the other: what is reviewed shall be what runs. */
	root = r.lib.json_loadb(json, len, JSON_REJECT_DUPLICATES, &error);
	if (!root)
		return fault(&r, "line %d, column %d: %s", error.line, error.column, error.text);
	err = read_profile(&r, root);
	r.lib.json_delete(root);
	return err;
}
