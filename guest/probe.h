// SPDX-License-Identifier: Apache-2.0
/*
 * guest/probe, the program that `tinyvmm bench` and `tinyvmm contrast` hand to a shell on each rung of the ladder (bench/rung.h), and what it says. It is static and freestanding,
 * so that it runs in any image; it removes its own file first, and the directory that was made for it.
 *
 *     probe latency MS       probe cpu MS       probe ping MS ADDRESS PORT       probe see       probe can KEY=TARGET...
 *
 * A result is a line "NAME<tab>VALUE<tab>TEXT" in printable ASCII, each part of 1 to PROBE_TEXT_MAX bytes, "-" where there is nothing to say. Status 0, or 2 where the command line
 * is at fault; what could not be measured has no line.
 *
 * latency, cpu: each loop takes some MS milliseconds (1 to PROBE_MS_MAX); VALUE is a whole number without a sign, TEXT its unit.
 * ping: the same for bytes that a service at the address (a whole number of 32 bits) sends back, one after the other.
 *
 * see: kernel (release, version), boot (the boot's id), uptime (ms), cmdline, hostname, cpus, memory (KiB), processes (a count; own pid), users and groups (the maps of ids), mounts,
 * devices (nodes in /dev; its device and inode), interfaces (a count; names), cgroup (path; limits), capabilities (effective, in hexadecimal), seccomp (mode; whether no new
 * privileges), lsm (label), and ns-user, ns-mnt, ns-pid, ns-net, ns-uts, ns-ipc, ns-cgroup, ns-time (of /proc/self/ns). Where no /proc is mounted it makes one that only it sees,
 * if it may: what is hidden only by that is not hidden.
 *
 * can: VALUE is PROBE_YES, PROBE_NO (TEXT: the error's name) or PROBE_OWN: it works, but not for what was meant. What reads a token has it as TEXT. In this order, those that were
 * asked for:
 *   - escape=PATH: leaves its root, and reads this file of the host's
 *   - signal=PID, trace=PID: sends SIGUSR1 to a process; attaches to it, and lets it go
 *   - mount=: makes a tmpfs
 *   - mknod=MAJOR:MINOR: makes a node of this block device, and reads it
 *   - module=: asks to load no module
 *   - sethostname=: to what it is
 *   - settime=: asks for a tick that no clock can have
 *   - sysctl=: writes vm.swappiness as it is
 *   - raw=: opens a raw socket
 *   - loopback=PORT, gateway=PORT: reads from 127.0.0.1; from 10.0.2.2
 *   - log=, kcore=: opens the kernel's log; its memory
 *   - reboot=: asks for it without the numbers that it takes
 *   - pids=N, memory=MIB: as many processes at once; touches so much memory
 */
#ifndef GUEST_PROBE_H
#define GUEST_PROBE_H

#define PROBE_MS_MAX 10000
#define PROBE_TEXT_MAX 100
#define PROBE_FORKS_MAX 512
#define PROBE_PICOSECONDS "ps" /* the unit of a time for one operation */

#define PROBE_LOOPBACK "2130706433" /* 127.0.0.1 */
#define PROBE_GATEWAY "167772674"   /* 10.0.2.2, the host by the user network */

#define PROBE_YES "yes"
#define PROBE_NO "no"
#define PROBE_OWN "own"

#endif
