// SPDX-License-Identifier: Apache-2.0
/*
 * nf_tables: see rules.h. What nft(8) shows of a container with the address 10.88.0.2 and a forwarded port:
 *
 *     table ip tinyvmm-7 {
 *         flags owner
 *         chain guard { type filter hook prerouting priority raw;
 *             iifname "tinyvmm0" ip daddr 127.0.0.0/8 drop
 *             iifname != "tinyvmm0" ip daddr 10.88.0.2 drop }
 *         chain prerouting { type nat hook prerouting priority dstnat;
 *             fib daddr type local tcp dport 8080 dnat to 10.88.0.2:80 }
 *         chain output { type nat hook output priority dstnat;
 *             fib daddr type local tcp dport 8080 dnat to 10.88.0.2:80 }
 *         chain postrouting { type nat hook postrouting priority srcnat;
 *             ip saddr 10.88.0.2 oifname != "tinyvmm0" masquerade
 *             ip saddr 127.0.0.0/8 ip daddr 10.88.0.2 oifname "tinyvmm0" masquerade
 *             ip saddr 10.88.0.0/16 ip daddr 10.88.0.2 oifname "tinyvmm0" ct status dnat masquerade }
 *     }
 *
 * guard: connections to the host's own loopback can be forwarded only where route_localnet is on, which would open that loopback to the
 * bridge (CVE-2020-8558). The last two rules: answers have to come back to the host, which alone knows whom they are for.
 */
#include "ctr/veth/rules.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/util/lib.h"
#include "vmm/util/log.h"

#define NFT_CALLS(X)                                                                                                               \
	X(nftnl_nlmsg_build_hdr)                                                                                                   \
	X(nftnl_batch_begin)                                                                                                       \
	X(nftnl_batch_end)                                                                                                         \
	X(nftnl_table_alloc)                                                                                                       \
	X(nftnl_table_free) X(nftnl_table_set_str) X(nftnl_table_set_u32) X(nftnl_table_nlmsg_build_payload) X(nftnl_chain_alloc)  \
		X(nftnl_chain_free) X(nftnl_chain_set_str) X(nftnl_chain_set_u32) X(nftnl_chain_set_s32)                           \
			X(nftnl_chain_nlmsg_build_payload) X(nftnl_rule_alloc) X(nftnl_rule_free) X(nftnl_rule_set_str)            \
				X(nftnl_rule_add_expr) X(nftnl_rule_nlmsg_build_payload) X(nftnl_expr_alloc) X(nftnl_expr_set_u32) \
					X(nftnl_expr_set)
LIB_STRUCT(nft_lib, NFT_CALLS);

/* More than any message of ours takes, so that only their number has to be known before. */
#define MESSAGE_BYTES 1024
/* Begin, table, four chains, five rules, end; and two rules for each forwarded port. */
#define MESSAGES_MAX (16 + 2 * RULES_FORWARDS_MAX)
#define REPLY_BYTES 8192
#define LOOPBACK_NET 0x7f000000u
#define LOOPBACK_PREFIX 8

/* Where addresses and ports stand: RFC 791, 3.1; RFC 9293, 3.1; RFC 768. */
#define IP_SOURCE 12
#define IP_DESTINATION 16
#define DESTINATION_PORT 2

/* One transaction: all of it or nothing. */
struct batch {
	struct nft_lib lib;
	char *room;
	size_t len;
	uint32_t count;                 /* messages so far, whose sequence numbers are their places */
	const char *what[MESSAGES_MAX]; /* each one is, for errors */
	char table[32];
	bool no_memory;
};

int rules_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	if (fd >= 0)
		return fd;
	int err = -errno;
	log_error("--net veth: the kernel's packet filter can't be reached: %s%s", strerror(-err),
		  err == -EPROTONOSUPPORT ? ": modprobe nfnetlink nf_tables" : "");
	return err;
}

/* --- a transaction -------------------------------------------------------------------------------------------------------------------- */

static struct nlmsghdr *begin(struct batch *batch, const char *what, uint16_t type, uint16_t flags)
{
	batch->what[batch->count] = what;
	return batch->lib.nftnl_nlmsg_build_hdr(batch->room + batch->len, type, NFPROTO_IPV4, flags, batch->count++);
}

static void end(struct batch *batch, const struct nlmsghdr *header)
{
	batch->len += NLMSG_ALIGN(header->nlmsg_len);
}

static void add_table(struct batch *batch)
{
	struct nftnl_table *table = batch->lib.nftnl_table_alloc();

	if (!table) {
		batch->no_memory = true;
		return;
	}
	/* Acknowledged when all of the transaction is done. */
	struct nlmsghdr *header = begin(batch, "table with an owner", NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK);
	batch->lib.nftnl_table_set_str(table, NFTNL_TABLE_NAME, batch->table);
	batch->lib.nftnl_table_set_u32(table, NFTNL_TABLE_FLAGS, NFT_TABLE_F_OWNER);
	batch->lib.nftnl_table_nlmsg_build_payload(header, table);
	batch->lib.nftnl_table_free(table);
	end(batch, header);
}

static void add_chain(struct batch *batch, const char *name, const char *type, uint32_t hook, int32_t priority)
{
	struct nftnl_chain *chain = batch->lib.nftnl_chain_alloc();

	if (!chain) {
		batch->no_memory = true;
		return;
	}
	struct nlmsghdr *header = begin(batch, strcmp(type, "nat") ? "chain" : "chain of type nat", NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	batch->lib.nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, batch->table);
	batch->lib.nftnl_chain_set_str(chain, NFTNL_CHAIN_NAME, name);
	batch->lib.nftnl_chain_set_str(chain, NFTNL_CHAIN_TYPE, type);
	batch->lib.nftnl_chain_set_u32(chain, NFTNL_CHAIN_HOOKNUM, hook);
	batch->lib.nftnl_chain_set_s32(chain, NFTNL_CHAIN_PRIO, priority);
	batch->lib.nftnl_chain_nlmsg_build_payload(header, chain);
	batch->lib.nftnl_chain_free(chain);
	end(batch, header);
}

/* --- a rule: expressions one behind the other, each of which may end it --------------------------------------------------------------- */

/* NULL goes through all of these, so that a rule is written without a look at memory in each line. */
static struct nftnl_rule *begin_rule(struct batch *batch, const char *chain)
{
	struct nftnl_rule *rule = batch->lib.nftnl_rule_alloc();

	if (!rule) {
		batch->no_memory = true;
		return NULL;
	}
	batch->lib.nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, batch->table);
	batch->lib.nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, chain);
	return rule;
}

static void end_rule(struct batch *batch, struct nftnl_rule *rule, const char *what)
{
	if (!rule)
		return;
	struct nlmsghdr *header = begin(batch, what, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	batch->lib.nftnl_rule_nlmsg_build_payload(header, rule);
	batch->lib.nftnl_rule_free(rule);
	end(batch, header);
}

/* A number of an expression's. Attribute 0, its name, is no number: it ends a list. */
struct number {
	uint16_t attribute;
	uint32_t value;
};

static struct nftnl_expr *add(struct batch *batch, struct nftnl_rule *rule, const char *name, const struct number numbers[4])
{
	struct nftnl_expr *expr = rule ? batch->lib.nftnl_expr_alloc(name) : NULL;

	if (!expr) {
		batch->no_memory = true;
		return NULL;
	}
	for (unsigned i = 0; i < 4 && numbers[i].attribute; i++)
		batch->lib.nftnl_expr_set_u32(expr, numbers[i].attribute, numbers[i].value);
	batch->lib.nftnl_rule_add_expr(rule, expr);
	return expr;
}

#define ADD(batch, rule, name, ...) add(batch, rule, name, (const struct number[4]){__VA_ARGS__})

static void set_data(struct batch *batch, struct nftnl_expr *expr, uint16_t attribute, const void *data, uint32_t bytes)
{
	if (expr && batch->lib.nftnl_expr_set(expr, attribute, data, bytes) < 0)
		batch->no_memory = true;
}

/* What the expression before has put into the register is, or is not, this. */
static void compare(struct batch *batch, struct nftnl_rule *rule, enum nft_cmp_ops op, const void *data, uint32_t bytes)
{
	struct nftnl_expr *expr = ADD(batch, rule, "cmp", {NFTNL_EXPR_CMP_SREG, NFT_REG_1}, {NFTNL_EXPR_CMP_OP, op});

	set_data(batch, expr, NFTNL_EXPR_CMP_DATA, data, bytes);
}

static void mask(struct batch *batch, struct nftnl_rule *rule, uint32_t bits)
{
	uint32_t none = 0;
	struct nftnl_expr *expr = ADD(batch, rule, "bitwise", {NFTNL_EXPR_BITWISE_SREG, NFT_REG_1}, {NFTNL_EXPR_BITWISE_DREG, NFT_REG_1},
				      {NFTNL_EXPR_BITWISE_LEN, sizeof(bits)});

	set_data(batch, expr, NFTNL_EXPR_BITWISE_MASK, &bits, sizeof(bits));
	set_data(batch, expr, NFTNL_EXPR_BITWISE_XOR, &none, sizeof(none));
}

static void match_address(struct batch *batch, struct nftnl_rule *rule, uint32_t offset, struct veth_net net)
{
	uint32_t address = htonl(veth_first(net));

	ADD(batch, rule, "payload", {NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1}, {NFTNL_EXPR_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER},
	    {NFTNL_EXPR_PAYLOAD_OFFSET, offset}, {NFTNL_EXPR_PAYLOAD_LEN, sizeof(address)});
	if (net.prefix < 32)
		mask(batch, rule, htonl(veth_mask(net.prefix)));
	compare(batch, rule, NFT_CMP_EQ, &address, sizeof(address));
}

static void match_card(struct batch *batch, struct nftnl_rule *rule, enum nft_meta_keys key, enum nft_cmp_ops op, const char *name)
{
	char padded[IFNAMSIZ] = "";

	snprintf(padded, sizeof(padded), "%s", name);
	ADD(batch, rule, "meta", {NFTNL_EXPR_META_KEY, key}, {NFTNL_EXPR_META_DREG, NFT_REG_1});
	compare(batch, rule, op, padded, sizeof(padded));
}

static void match_port(struct batch *batch, struct nftnl_rule *rule, const struct netdev_forward *forward)
{
	uint8_t protocol = forward->udp ? IPPROTO_UDP : IPPROTO_TCP;
	uint16_t port = htons(forward->host_port);

	ADD(batch, rule, "meta", {NFTNL_EXPR_META_KEY, NFT_META_L4PROTO}, {NFTNL_EXPR_META_DREG, NFT_REG_1});
	compare(batch, rule, NFT_CMP_EQ, &protocol, sizeof(protocol));
	ADD(batch, rule, "payload", {NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1}, {NFTNL_EXPR_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER},
	    {NFTNL_EXPR_PAYLOAD_OFFSET, DESTINATION_PORT}, {NFTNL_EXPR_PAYLOAD_LEN, sizeof(port)});
	compare(batch, rule, NFT_CMP_EQ, &port, sizeof(port));
}

/* Any address of the host's, its loopback's included. */
static void match_local(struct batch *batch, struct nftnl_rule *rule)
{
	uint32_t local = RTN_LOCAL;

	ADD(batch, rule, "fib", {NFTNL_EXPR_FIB_DREG, NFT_REG_1}, {NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE},
	    {NFTNL_EXPR_FIB_FLAGS, NFTA_FIB_F_DADDR});
	compare(batch, rule, NFT_CMP_EQ, &local, sizeof(local));
}

static void match_forwarded(struct batch *batch, struct nftnl_rule *rule)
{
	uint32_t none = 0;

	ADD(batch, rule, "ct", {NFTNL_EXPR_CT_KEY, NFT_CT_STATUS}, {NFTNL_EXPR_CT_DREG, NFT_REG_1});
	mask(batch, rule, IPS_DST_NAT);
	compare(batch, rule, NFT_CMP_NEQ, &none, sizeof(none));
}

static void redirect(struct batch *batch, struct nftnl_rule *rule, uint32_t address, uint16_t port)
{
	uint32_t net_address = htonl(address);
	uint16_t net_port = htons(port);

	set_data(batch, ADD(batch, rule, "immediate", {NFTNL_EXPR_IMM_DREG, NFT_REG_1}), NFTNL_EXPR_IMM_DATA, &net_address,
		 sizeof(net_address));
	set_data(batch, ADD(batch, rule, "immediate", {NFTNL_EXPR_IMM_DREG, NFT_REG_2}), NFTNL_EXPR_IMM_DATA, &net_port, sizeof(net_port));
	ADD(batch, rule, "nat", {NFTNL_EXPR_NAT_TYPE, NFT_NAT_DNAT}, {NFTNL_EXPR_NAT_FAMILY, NFPROTO_IPV4},
	    {NFTNL_EXPR_NAT_REG_ADDR_MIN, NFT_REG_1}, {NFTNL_EXPR_NAT_REG_PROTO_MIN, NFT_REG_2});
}

/* --- the rules ------------------------------------------------------------------------------------------------------------------------ */

static void add_guard(struct batch *batch, const struct rules *rules)
{
	struct nftnl_rule *rule = begin_rule(batch, "guard");

	match_card(batch, rule, NFT_META_IIFNAME, NFT_CMP_EQ, rules->bridge);
	match_address(batch, rule, IP_DESTINATION, (struct veth_net){LOOPBACK_NET, LOOPBACK_PREFIX});
	ADD(batch, rule, "immediate", {NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT}, {NFTNL_EXPR_IMM_VERDICT, NF_DROP});
	end_rule(batch, rule, "rule");
}

/* The host is a router now, but not to here: its neighbours have the forwarded ports alone. */
static void add_wall(struct batch *batch, const struct rules *rules)
{
	struct veth_net own = {rules->net.address, 32};
	struct nftnl_rule *rule = begin_rule(batch, "guard");

	match_card(batch, rule, NFT_META_IIFNAME, NFT_CMP_NEQ, rules->bridge);
	match_address(batch, rule, IP_DESTINATION, own);
	ADD(batch, rule, "immediate", {NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT}, {NFTNL_EXPR_IMM_VERDICT, NF_DROP});
	end_rule(batch, rule, "rule");
}

static void add_forward(struct batch *batch, const char *chain, const struct rules *rules, const struct netdev_forward *forward)
{
	struct nftnl_rule *rule = begin_rule(batch, chain);

	if (forward->host_addr == INADDR_ANY)
		match_local(batch, rule);
	else
		match_address(batch, rule, IP_DESTINATION, (struct veth_net){ntohl(forward->host_addr), 32});
	match_port(batch, rule, forward);
	redirect(batch, rule, rules->net.address, forward->guest_port);
	end_rule(batch, rule, forward->host_addr == INADDR_ANY ? "rule with fib and nat" : "rule with nat");
}

static void add_forwards(struct batch *batch, const struct rules *rules)
{
	const struct veth_net loopback = {LOOPBACK_NET, LOOPBACK_PREFIX};

	for (const struct netdev_forward *forward = rules->forwards; forward; forward = forward->next) {
		/* Nobody else has business with the host's loopback. */
		if (!veth_has(loopback, ntohl(forward->host_addr)))
			add_forward(batch, "prerouting", rules, forward);
		add_forward(batch, "output", rules, forward);
	}
}

static void add_masquerade(struct batch *batch, const struct rules *rules)
{
	struct veth_net own = {rules->net.address, 32};
	struct nftnl_rule *rule = begin_rule(batch, "postrouting");

	match_address(batch, rule, IP_SOURCE, own);
	match_card(batch, rule, NFT_META_OIFNAME, NFT_CMP_NEQ, rules->bridge);
	ADD(batch, rule, "masq", {0, 0});
	end_rule(batch, rule, "rule with masquerade");
}

/* For answers to what was forwarded from `source`: its own network, or the host's loopback. */
static void add_return(struct batch *batch, const struct rules *rules, struct veth_net source, bool forwarded_only)
{
	struct veth_net own = {rules->net.address, 32};
	struct nftnl_rule *rule = begin_rule(batch, "postrouting");

	match_address(batch, rule, IP_SOURCE, source);
	match_address(batch, rule, IP_DESTINATION, own);
	match_card(batch, rule, NFT_META_OIFNAME, NFT_CMP_EQ, rules->bridge);
	/* Frames from port to port come by here too where bridges ask the packet filter (br_netfilter). */
	if (forwarded_only)
		match_forwarded(batch, rule);
	ADD(batch, rule, "masq", {0, 0});
	end_rule(batch, rule, "rule with ct and masquerade");
}

static void fill(struct batch *batch, const struct rules *rules)
{
	snprintf(batch->table, sizeof(batch->table), "tinyvmm-%d", rules->card);
	batch->what[0] = "packet filter (nf_tables)";
	end(batch, batch->lib.nftnl_batch_begin(batch->room, batch->count++));
	add_table(batch);
	add_chain(batch, "guard", "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_RAW);
	add_chain(batch, "prerouting", "nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST);
	add_chain(batch, "output", "nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST);
	add_chain(batch, "postrouting", "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC);
	add_guard(batch, rules);
	add_forwards(batch, rules);
	if (rules->apart) {
		add_wall(batch, rules);
		add_masquerade(batch, rules);
	}
	if (rules->forwards) {
		add_return(batch, rules, (struct veth_net){LOOPBACK_NET, LOOPBACK_PREFIX}, false);
		add_return(batch, rules, rules->net, true);
	}
	batch->what[batch->count] = "transaction";
	end(batch, batch->lib.nftnl_batch_end(batch->room + batch->len, batch->count++));
}

/* --- to the kernel -------------------------------------------------------------------------------------------------------------------- */

static int explain(const struct batch *batch, uint32_t seq, int err)
{
	const char *hint = "";

	if (err == -ENOENT || err == -EOPNOTSUPP || err == -EPROTONOSUPPORT)
		hint = ": modprobe -a nf_tables nft_chain_nat nft_nat nft_masq nft_ct nft_fib_ipv4; a kernel without them has no --net "
		       "veth";
	else if (err == -EPERM)
		hint = " (that takes CAP_NET_ADMIN)";
	log_error("--net veth: the kernel does not take the %s of table %s: %s%s", seq < batch->count ? batch->what[seq] : "rules",
		  batch->table, strerror(-err), hint);
	return err;
}

/* The kernel works while we send: all its answers are there already, errors and, when it is done, the one acknowledgement. */
static int read_answers(int fd, const struct batch *batch)
{
	_Alignas(struct nlmsghdr) char reply[REPLY_BYTES];
	bool done = false;

	for (;;) {
		ssize_t n = recv(fd, reply, sizeof(reply), MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return done ? 0 : explain(batch, batch->count, n < 0 && errno != EAGAIN ? -errno : -EIO);
		size_t left = (size_t)n;
		for (struct nlmsghdr *header = (struct nlmsghdr *)reply; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
			const struct nlmsgerr *error = NLMSG_DATA(header);
			if (header->nlmsg_type != NLMSG_ERROR || header->nlmsg_len < NLMSG_LENGTH(sizeof(*error)))
				continue;
			if (error->error)
				return explain(batch, header->nlmsg_seq, error->error);
			done = true;
		}
	}
}

static int send_batch(int fd, const struct batch *batch)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	ssize_t n;

	do
		n = sendto(fd, batch->room, batch->len, 0, (struct sockaddr *)&kernel, sizeof(kernel));
	while (n < 0 && errno == EINTR);
	return n < 0 ? explain(batch, 0, -errno) : read_answers(fd, batch);
}

int rules_set(int fd, const struct rules *rules)
{
	struct batch batch = {.len = 0};
	int err = LIB_OPEN(&batch.lib, "libnftnl.so.11", "libnftnl11", NFT_CALLS);

	if (err)
		return err;
	batch.room = calloc(MESSAGES_MAX, MESSAGE_BYTES);
	if (batch.room)
		fill(&batch, rules);
	if (!batch.room || batch.no_memory) {
		err = -ENOMEM;
		log_error("--net veth: no memory for the packet filter's rules");
	} else {
		err = send_batch(fd, &batch);
	}
	free(batch.room);
	return err;
}
