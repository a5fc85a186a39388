// SPDX-License-Identifier: Apache-2.0
/* Requests of rtnetlink and their answers: see rtnl.h. What the kernel says is held against the types it should have all the same. */
#include "ctr/veth/rtnl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define REQUEST_BYTES 1024
/* What the kernel puts into one answer at most. */
#define REPLY_BYTES 32768
#define LIST_TRIES 16

struct request {
	_Alignas(struct nlmsghdr) char room[REQUEST_BYTES];
	struct nlmsghdr *header;
};

static int open_library(struct rtnl_lib *lib)
{
	return LIB_OPEN(lib, "libmnl.so.0", "libmnl0", RTNL_CALLS);
}

int rtnl_init(struct rtnl *rtnl, int fd)
{
	*rtnl = (struct rtnl){.fd = fd};
	return open_library(&rtnl->lib);
}

/* --- one request ---------------------------------------------------------------------------------------------------------------------- */

static void *begin(struct rtnl *rtnl, struct request *request, uint16_t type, uint16_t flags, size_t extra_bytes)
{
	request->header = rtnl->lib.mnl_nlmsg_put_header(request->room);
	request->header->nlmsg_type = type;
	request->header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	return rtnl->lib.mnl_nlmsg_put_extra_header(request->header, extra_bytes);
}

/*
 * Did what is listed change meanwhile? The flags that say so are cleared: libmnl would stop at the first, and leave the rest of the list to
 * be taken for the next request's answer.
 */
static bool clear_interrupted(char *reply, size_t bytes)
{
	bool interrupted = false;

	for (struct nlmsghdr *header = (struct nlmsghdr *)reply; NLMSG_OK(header, bytes); header = NLMSG_NEXT(header, bytes)) {
		interrupted |= header->nlmsg_flags & NLM_F_DUMP_INTR;
		header->nlmsg_flags &= (uint16_t)~NLM_F_DUMP_INTR;
	}
	return interrupted;
}

/* Sends it and hands every answer to `take`, to the acknowledgement or the end of a list. -EINTR: a list that changed while it was read. */
static int talk(struct rtnl *rtnl, struct request *request, mnl_cb_t take, void *arg)
{
	_Alignas(struct nlmsghdr) char reply[REPLY_BYTES];
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	uint32_t seq = ++rtnl->seq;
	bool interrupted = false;
	ssize_t n;
	int more;

	request->header->nlmsg_seq = seq;
	do
		n = sendto(rtnl->fd, request->room, request->header->nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	do {
		n = recv(rtnl->fd, reply, sizeof(reply), MSG_TRUNC);
		if (n < 0 && errno == EINTR) {
			more = 1;
			continue;
		}
		if (n < 0 || (size_t)n > sizeof(reply))
			return n < 0 ? -errno : -EMSGSIZE;
		interrupted |= clear_interrupted(reply, (size_t)n);
		more = rtnl->lib.mnl_cb_run(reply, (size_t)n, seq, 0, take, arg);
		if (more < 0)
			return -errno;
	} while (more > 0);
	return interrupted ? -EINTR : 0;
}

static int change(struct rtnl *rtnl, struct request *request)
{
	request->header->nlmsg_flags |= NLM_F_ACK;
	return talk(rtnl, request, NULL, NULL);
}

/* --- lists ---------------------------------------------------------------------------------------------------------------------------- */

struct listing {
	struct rtnl *rtnl;
	void *list; /* struct rtnl_links or rtnl_addresses */
};

/* The attributes by number, those that we know: of a list that another kernel may have made longer. */
struct attributes {
	struct rtnl_lib *lib;
	const struct nlattr *at[IFLA_MAX + 1];
};

_Static_assert(IFLA_MAX >= RTA_MAX && IFLA_MAX >= IFA_MAX && IFLA_MAX >= IFLA_INFO_MAX, "one table serves all");

static int note_attribute(const struct nlattr *attr, void *arg)
{
	struct attributes *attributes = arg;
	unsigned type = attributes->lib->mnl_attr_get_type(attr);

	if (type <= IFLA_MAX)
		attributes->at[type] = attr;
	return MNL_CB_OK;
}

static bool get_u32(const struct attributes *attributes, unsigned type, uint32_t *value)
{
	const struct nlattr *attr = attributes->at[type];

	if (!attr || attributes->lib->mnl_attr_validate(attr, MNL_TYPE_U32) < 0)
		return false;
	*value = attributes->lib->mnl_attr_get_u32(attr);
	return true;
}

static void get_text(const struct attributes *attributes, unsigned type, char *text, size_t bytes)
{
	const struct nlattr *attr = attributes->at[type];
	size_t len = attr ? attributes->lib->mnl_attr_get_payload_len(attr) : 0;

	text[0] = '\0';
	/* One that is longer is none of ours. */
	if (!len || len > bytes || attributes->lib->mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) < 0)
		return;
	memcpy(text, attributes->lib->mnl_attr_get_payload(attr), len);
}

static bool is_bridge(struct rtnl_lib *lib, const struct attributes *attributes)
{
	struct attributes info = {.lib = lib};
	char kind[sizeof("bridge")];

	if (!attributes->at[IFLA_LINKINFO])
		return false;
	lib->mnl_attr_parse_nested(attributes->at[IFLA_LINKINFO], note_attribute, &info);
	get_text(&info, IFLA_INFO_KIND, kind, sizeof(kind));
	return !strcmp(kind, "bridge");
}

static int take_link(const struct nlmsghdr *header, void *arg)
{
	struct listing *listing = arg;
	struct rtnl_links *links = listing->list;
	struct attributes attributes = {.lib = &listing->rtnl->lib};
	const struct ifinfomsg *info = listing->rtnl->lib.mnl_nlmsg_get_payload(header);
	uint32_t master = 0;

	if (header->nlmsg_type != RTM_NEWLINK || header->nlmsg_len < NLMSG_LENGTH(sizeof(*info)))
		return MNL_CB_OK;
	listing->rtnl->lib.mnl_attr_parse(header, sizeof(*info), note_attribute, &attributes);
	struct rtnl_link *grown = realloc(links->at, (links->count + 1) * sizeof(*grown));
	if (!grown) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	links->at = grown;
	struct rtnl_link *link = &grown[links->count++];
	*link = (struct rtnl_link){.index = info->ifi_index, .bridge = is_bridge(&listing->rtnl->lib, &attributes)};
	get_u32(&attributes, IFLA_MASTER, &master);
	get_u32(&attributes, IFLA_MTU, &link->mtu);
	get_text(&attributes, IFLA_IFNAME, link->name, sizeof(link->name));
	get_text(&attributes, IFLA_IFALIAS, link->alias, sizeof(link->alias));
	link->master = (int)master;
	return MNL_CB_OK;
}

static int add_address(struct rtnl_addresses *addresses, struct rtnl_address address)
{
	struct rtnl_address *grown = realloc(addresses->at, (addresses->count + 1) * sizeof(*grown));

	if (!grown) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	addresses->at = grown;
	grown[addresses->count++] = address;
	return MNL_CB_OK;
}

static int take_address(const struct nlmsghdr *header, void *arg)
{
	struct listing *listing = arg;
	struct attributes attributes = {.lib = &listing->rtnl->lib};
	const struct ifaddrmsg *info = listing->rtnl->lib.mnl_nlmsg_get_payload(header);
	uint32_t address;

	if (header->nlmsg_type != RTM_NEWADDR || header->nlmsg_len < NLMSG_LENGTH(sizeof(*info)) || info->ifa_family != AF_INET ||
	    info->ifa_prefixlen > 32)
		return MNL_CB_OK;
	listing->rtnl->lib.mnl_attr_parse(header, sizeof(*info), note_attribute, &attributes);
	/* IFA_ADDRESS is the other side's on a point-to-point link. */
	if (!get_u32(&attributes, IFA_LOCAL, &address))
		return MNL_CB_OK;
	return add_address(listing->list, (struct rtnl_address){(int)info->ifa_index, {ntohl(address), info->ifa_prefixlen}});
}

static int take_route(const struct nlmsghdr *header, void *arg)
{
	struct listing *listing = arg;
	struct attributes attributes = {.lib = &listing->rtnl->lib};
	const struct rtmsg *info = listing->rtnl->lib.mnl_nlmsg_get_payload(header);
	uint32_t address = 0;

	if (header->nlmsg_type != RTM_NEWROUTE || header->nlmsg_len < NLMSG_LENGTH(sizeof(*info)) || info->rtm_family != AF_INET ||
	    info->rtm_dst_len > 32)
		return MNL_CB_OK;
	listing->rtnl->lib.mnl_attr_parse(header, sizeof(*info), note_attribute, &attributes);
	get_u32(&attributes, RTA_DST, &address);
	return add_address(listing->list, (struct rtnl_address){0, {ntohl(address), info->rtm_dst_len}});
}

/* The first bytes of all three requests are the family; the kernel wants the rest of the struct for links alone. */
static int list(struct rtnl *rtnl, uint16_t type, uint8_t family, size_t extra_bytes, mnl_cb_t take, void *out, size_t *count)
{
	struct listing listing = {rtnl, out};
	struct request request;
	int err, tries = 0;

	do {
		*count = 0;
		uint8_t *extra = begin(rtnl, &request, type, NLM_F_DUMP, extra_bytes);
		*extra = family;
		err = talk(rtnl, &request, take, &listing);
	} while (err == -EINTR && ++tries < LIST_TRIES);
	return err;
}

int rtnl_list_links(struct rtnl *rtnl, struct rtnl_links *links)
{
	return list(rtnl, RTM_GETLINK, AF_UNSPEC, sizeof(struct ifinfomsg), take_link, links, &links->count);
}

int rtnl_list_addresses(struct rtnl *rtnl, struct rtnl_addresses *addresses)
{
	return list(rtnl, RTM_GETADDR, AF_INET, sizeof(struct ifaddrmsg), take_address, addresses, &addresses->count);
}

int rtnl_list_routes(struct rtnl *rtnl, struct rtnl_addresses *routes)
{
	return list(rtnl, RTM_GETROUTE, AF_INET, sizeof(struct rtmsg), take_route, routes, &routes->count);
}

int rtnl_find(struct rtnl *rtnl, const char *name)
{
	struct rtnl_links links = {0};
	struct listing listing = {rtnl, &links};
	struct request request;

	begin(rtnl, &request, RTM_GETLINK, NLM_F_ACK, sizeof(struct ifinfomsg));
	rtnl->lib.mnl_attr_put_strz(request.header, IFLA_IFNAME, name);
	int err = talk(rtnl, &request, take_link, &listing);
	int index = links.count ? links.at[0].index : -ENODEV;
	free(links.at);
	return err ? err : index;
}

/* --- changes -------------------------------------------------------------------------------------------------------------------------- */

int rtnl_add_bridge(struct rtnl *rtnl, const char *name, const uint8_t mac[RTNL_MAC_BYTES])
{
	struct request request;

	begin(rtnl, &request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
	rtnl->lib.mnl_attr_put_strz(request.header, IFLA_IFNAME, name);
	rtnl->lib.mnl_attr_put(request.header, IFLA_ADDRESS, RTNL_MAC_BYTES, mac);
	struct nlattr *info = rtnl->lib.mnl_attr_nest_start(request.header, IFLA_LINKINFO);
	rtnl->lib.mnl_attr_put_strz(request.header, IFLA_INFO_KIND, "bridge");
	rtnl->lib.mnl_attr_nest_end(request.header, info);
	return change(rtnl, &request);
}

int rtnl_add_pair(struct rtnl *rtnl, const struct rtnl_pair *pair)
{
	struct request request;

	begin(rtnl, &request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
	rtnl->lib.mnl_attr_put_strz(request.header, IFLA_IFNAME, pair->name);
	rtnl->lib.mnl_attr_put_u32(request.header, IFLA_MTU, pair->mtu);
	struct nlattr *info = rtnl->lib.mnl_attr_nest_start(request.header, IFLA_LINKINFO);
	rtnl->lib.mnl_attr_put_strz(request.header, IFLA_INFO_KIND, "veth");
	struct nlattr *data = rtnl->lib.mnl_attr_nest_start(request.header, IFLA_INFO_DATA);
	struct nlattr *peer = rtnl->lib.mnl_attr_nest_start(request.header, VETH_INFO_PEER);
	rtnl->lib.mnl_nlmsg_put_extra_header(request.header, sizeof(struct ifinfomsg));
	rtnl->lib.mnl_attr_put_strz(request.header, IFLA_IFNAME, pair->peer);
	rtnl->lib.mnl_attr_put_u32(request.header, IFLA_MTU, pair->mtu);
	rtnl->lib.mnl_attr_put_u32(request.header, IFLA_NET_NS_FD, (uint32_t)pair->peer_netns);
	if (pair->mac)
		rtnl->lib.mnl_attr_put(request.header, IFLA_ADDRESS, RTNL_MAC_BYTES, pair->mac);
	rtnl->lib.mnl_attr_nest_end(request.header, peer);
	rtnl->lib.mnl_attr_nest_end(request.header, data);
	rtnl->lib.mnl_attr_nest_end(request.header, info);
	return change(rtnl, &request);
}

int rtnl_set_up(struct rtnl *rtnl, int index, const char *alias, int master)
{
	struct request request;
	struct ifinfomsg *info = begin(rtnl, &request, RTM_SETLINK, 0, sizeof(*info));

	info->ifi_index = index;
	info->ifi_flags = IFF_UP;
	info->ifi_change = IFF_UP;
	if (alias)
		rtnl->lib.mnl_attr_put_strz(request.header, IFLA_IFALIAS, alias);
	if (master)
		rtnl->lib.mnl_attr_put_u32(request.header, IFLA_MASTER, (uint32_t)master);
	return change(rtnl, &request);
}

int rtnl_set_alias(struct rtnl *rtnl, int index, const char *alias)
{
	struct request request;
	struct ifinfomsg *info = begin(rtnl, &request, RTM_SETLINK, 0, sizeof(*info));

	info->ifi_index = index;
	rtnl->lib.mnl_attr_put_strz(request.header, IFLA_IFALIAS, alias);
	return change(rtnl, &request);
}

int rtnl_add_address(struct rtnl *rtnl, int index, struct veth_net net)
{
	struct request request;
	struct ifaddrmsg *info = begin(rtnl, &request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof(*info));

	info->ifa_family = AF_INET;
	info->ifa_prefixlen = (uint8_t)net.prefix;
	info->ifa_index = (uint32_t)index;
	rtnl->lib.mnl_attr_put_u32(request.header, IFA_LOCAL, htonl(net.address));
	rtnl->lib.mnl_attr_put_u32(request.header, IFA_ADDRESS, htonl(net.address));
	rtnl->lib.mnl_attr_put_u32(request.header, IFA_BROADCAST, htonl(veth_last(net)));
	return change(rtnl, &request);
}

int rtnl_add_default_route(struct rtnl *rtnl, int index, uint32_t gateway)
{
	struct request request;
	struct rtmsg *info = begin(rtnl, &request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, sizeof(*info));

	info->rtm_family = AF_INET;
	info->rtm_table = RT_TABLE_MAIN;
	info->rtm_protocol = RTPROT_STATIC;
	info->rtm_scope = RT_SCOPE_UNIVERSE;
	info->rtm_type = RTN_UNICAST;
	rtnl->lib.mnl_attr_put_u32(request.header, RTA_GATEWAY, htonl(gateway));
	rtnl->lib.mnl_attr_put_u32(request.header, RTA_OIF, (uint32_t)index);
	return change(rtnl, &request);
}

int rtnl_delete_link(struct rtnl *rtnl, int index)
{
	struct request request;
	struct ifinfomsg *info = begin(rtnl, &request, RTM_DELLINK, 0, sizeof(*info));

	info->ifi_index = index;
	return change(rtnl, &request);
}
