// SPDX-License-Identifier: Apache-2.0
/* What guest/init has to understand: see init_parse.h. */
#include "guest/init_parse.h"

#include "guest/protocol.h"
#include "guest/text.h"

static size_t count_records(const char *buf, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += !buf[i];
	return n;
}

size_t init_config_slots(const char *buf, size_t len)
{
	size_t records = count_records(buf, len);

	return records * sizeof(struct init_module) + 2 * (records + 1) * sizeof(char *);
}

/* The record's value when it has this key. */
static const char *value_of(const char *record, const char *key)
{
	const char *rest = text_after(record, key);

	return rest && *rest == '=' ? rest + 1 : NULL;
}

static bool take_single(struct init_config *config, const char *record)
{
	const struct {
		const char *key;
		const char **field;
	} singles[] = {
		{ INIT_KEY_ROOT, &config->root },           { INIT_KEY_ROOTFSTYPE, &config->rootfstype },
		{ INIT_KEY_ROOTFLAGS, &config->rootflags }, { INIT_KEY_HOSTNAME, &config->hostname },
		{ INIT_KEY_INIT, &config->init },           { INIT_KEY_STDIO, &config->stdio },
	};

	for (size_t i = 0; i < sizeof(singles) / sizeof(*singles); i++) {
		const char *value = value_of(record, singles[i].key);
		if (value) {
			*singles[i].field = value;
			return true;
		}
	}
	return false;
}

static bool take_record(struct init_config *config, const char *record, size_t *argc, size_t *envc)
{
	const char *value;

	if (take_single(config, record))
		return true;
	if ((value = value_of(record, INIT_KEY_MODULE))) {
		config->module[config->module_count++] = (struct init_module){ .path = value };
		return true;
	}
	if ((value = value_of(record, INIT_KEY_OPTIONAL))) {
		config->module[config->module_count++] = (struct init_module){ .path = value, .optional = true };
		return true;
	}
	if ((value = value_of(record, INIT_KEY_ARGV))) {
		config->argv[(*argc)++] = (char *)value;
		return true;
	}
	if ((value = value_of(record, INIT_KEY_ENV))) {
		config->env[(*envc)++] = (char *)value;
		return text_find(value, '=') != NULL;
	}
	if ((value = value_of(record, INIT_KEY_NET))) {
		if (config->net_count == INIT_NETS_MAX)
			return false;
		return init_net_parse(&config->net[config->net_count++], value);
	}
	if ((value = value_of(record, INIT_KEY_LOG))) {
		config->log_full = text_equal(value, "full");
		return config->log_full;
	}
	return false;
}

bool init_config_parse(struct init_config *config, const char *buf, size_t len, void *slots, const char **fault)
{
	size_t records = count_records(buf, len), argc = 0, envc = 0;

	*config = (struct init_config){ .module = slots };
	config->argv = (char **)(config->module + records);
	config->env = config->argv + records + 1;
	if (len && buf[len - 1]) {
		*fault = "the last record has no end";
		return false;
	}
	for (size_t at = 0; at < len; at += text_len(buf + at) + 1) {
		if (!take_record(config, buf + at, &argc, &envc)) {
			*fault = buf + at;
			return false;
		}
	}
	config->argv[argc] = NULL;
	config->env[envc] = NULL;
	if (!argc)
		config->argv = NULL;
	return true;
}

/* A decimal number up to `max`; *text moves past it. */
static bool number(const char **text, unsigned max, unsigned *value)
{
	const char *start = *text;
	unsigned n = 0;

	while (**text >= '0' && **text <= '9' && *text - start < 4)
		n = n * 10 + (unsigned)(*(*text)++ - '0');
	*value = n;
	return *text > start && n <= max;
}

static bool ipv4(const char **text, uint8_t out[4])
{
	for (unsigned i = 0; i < 4; i++) {
		unsigned byte;
		if (i && *(*text)++ != '.')
			return false;
		if (!number(text, 255, &byte))
			return false;
		out[i] = (uint8_t)byte;
	}
	return true;
}

/* " ADDRESS" or " -". */
static bool optional_ipv4(const char **text, uint8_t out[4], bool *present)
{
	if (*(*text)++ != ' ')
		return false;
	*present = **text != '-';
	if (!*present) {
		(*text)++;
		return true;
	}
	return ipv4(text, out);
}

bool init_net_parse(struct init_net *net, const char *text)
{
	size_t n = 0;

	*net = (struct init_net){ .prefix = 0 };
	while (text[n] && text[n] != ' ' && text[n] != '/' && n < sizeof(net->name) - 1) {
		net->name[n] = text[n];
		n++;
	}
	if (!n || text_equal(net->name, ".") || text_equal(net->name, ".."))
		return false;
	text += n;
	if (!optional_ipv4(&text, net->address, &net->has_address))
		return false;
	if (net->has_address && (*text++ != '/' || !number(&text, 32, &net->prefix)))
		return false;
	return optional_ipv4(&text, net->gateway, &net->has_gateway) && optional_ipv4(&text, net->dns, &net->has_dns) && !*text;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

bool cmdline_value(const char *cmdline, const char *name, char *out, size_t size)
{
	bool found = false;

	for (const char *p = cmdline; *p;) {
		bool quoted = false;
		const char *start, *value;

		while (is_blank(*p))
			p++;
		start = p;
		for (; *p && (quoted || !is_blank(*p)); p++)
			quoted ^= *p == '"';
		value = text_after(start, name);
		if (value && value <= p) {
			struct text t = text_in(out, size);
			text_add_bytes(&t, value, (size_t)(p - value));
			found = !t.cut;
		}
	}
	return found;
}

bool words_have(const char *list, const char *word)
{
	while (*list) {
		const char *rest = text_after(list, word);
		if (rest && (!*rest || is_blank(*rest)))
			return true;
		while (*list && !is_blank(*list))
			list++;
		while (is_blank(*list))
			list++;
	}
	return false;
}

bool path_next(const char **path, const char *name, char *out, size_t size)
{
	while (*path) {
		const char *start = *path, *end = text_find(start, ':');
		size_t len = end ? (size_t)(end - start) : text_len(start);
		struct text t = text_in(out, size);

		*path = end ? end + 1 : NULL;
		text_add_bytes(&t, start, len);
		if (len)
			text_add(&t, "/");
		text_add(&t, name);
		if (!t.cut)
			return true;
	}
	return false;
}

static size_t name_len(const char *variable)
{
	const char *equals = text_find(variable, '=');

	return equals ? (size_t)(equals - variable) : text_len(variable);
}

static bool same_name(const char *a, const char *b)
{
	size_t n = name_len(a);

	if (name_len(b) != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (a[i] != b[i])
			return false;
	}
	return true;
}

const char *env_get(char *const *env, const char *name)
{
	for (; *env; env++) {
		if (same_name(*env, name) && (*env)[name_len(*env)])
			return *env + name_len(*env) + 1;
	}
	return NULL;
}

size_t env_merge(char **out, size_t size, char *const *const lists[], size_t list_count)
{
	size_t count = 0;

	for (size_t l = 0; l < list_count; l++) {
		for (char *const *env = lists[l]; env && *env; env++) {
			size_t at = 0;
			while (at < count && !same_name(out[at], *env))
				at++;
			if (at == count && ++count >= size) {
				count--;
				break;
			}
			out[at] = *env;
		}
	}
	out[count] = NULL;
	return count;
}

static bool is_octal(const char *p)
{
	return p[0] >= '0' && p[0] <= '3' && p[1] >= '0' && p[1] <= '7' && p[2] >= '0' && p[2] <= '7';
}

const char *mounts_next(const char *line, char *out, size_t size)
{
	struct text t = text_in(out, size);
	const char *p = line;

	while (*p && *p != '\n' && *p != ' ')
		p++;
	if (*p == ' ')
		p++;
	while (*p && *p != '\n' && *p != ' ') {
		char c = *p++;
		if (c == '\\' && is_octal(p)) {
			c = (char)((p[0] - '0') << 6 | (p[1] - '0') << 3 | (p[2] - '0'));
			p += 3;
		}
		text_add_bytes(&t, &c, 1);
	}
	if (t.cut)
		out[0] = '\0';
	while (*p && *p != '\n')
		p++;
	return *p && p[1] ? p + 1 : NULL;
}

size_t log_strip_levels(char *log, size_t len)
{
	size_t from = 0, to = 0;

	while (from < len) {
		size_t p = from + 1;
		if (log[from] == '<') {
			while (p < len && p < from + 5 && log[p] >= '0' && log[p] <= '9')
				p++;
			if (p < len && p > from + 1 && log[p] == '>')
				from = p + 1;
		}
		while (from < len) {
			char c = log[from++];
			log[to++] = c;
			if (c == '\n')
				break;
		}
	}
	return to;
}
