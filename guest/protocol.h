// SPDX-License-Identifier: Apache-2.0
/*
 * What tinyvmm (the host) and guest/init (the guest) say to each other. Included by both; guest/init is freestanding, so only constants are
 * here.
 *
 * 1. The host puts a file, INIT_CONFIG_PATH, into the initramfs: records "key=value", each ended by a NUL byte, in the order in which they
 *    are to be carried out. Keys may repeat (module, argv, env, net).
 * 2. guest/init writes lines to the control port ("tinyvmm.control", a virtio console port), each one of the CONTROL_ messages below and a
 *    newline.
 * 3. The host opens each of its ports (VIRTIO_CONSOLE_PORT_OPEN) before it tells the port's name: a port that is found is connected, and
 *    one whose input is at its end is taken to be so. Ports are independent queues, so "exit" may be seen before the last output is: the
 *    host takes all output that is queued before it acts on it. guest/init has queued everything by then.
 */
#ifndef GUEST_PROTOCOL_H
#define GUEST_PROTOCOL_H

#define INIT_CONFIG_PATH "/tinyvmm.conf"

/* Keys of the configuration. */
#define INIT_KEY_MODULE "module"     /* path in the initramfs of a module to load, in order; one that is in already is no error */
#define INIT_KEY_OPTIONAL "optional" /* the same, but a failure is not reported */
#define INIT_KEY_ROOT "root"         /* block device, waited for up to 10 s */
#define INIT_KEY_ROOTFSTYPE "rootfstype"
#define INIT_KEY_ROOTFLAGS "rootflags" /* "ro" or "rw" */
#define INIT_KEY_HOSTNAME "hostname"
#define INIT_KEY_INIT "init"   /* without argv: executed as PID 1 in the root; default /sbin/init, then /etc/init, /bin/init, /bin/sh */
#define INIT_KEY_ARGV "argv"   /* repeated: the command; guest/init stays PID 1 and reaps */
#define INIT_KEY_ENV "env"     /* repeated */
#define INIT_KEY_STDIO "stdio" /* "ports": the three named ports through pipes; "tty": /dev/hvc1 */
#define INIT_KEY_NET "net"     /* "eth0 10.0.2.15/24 10.0.2.2 10.0.2.3": interface, address, gateway, name server; "-" for none */
#define INIT_KEY_LOG "log"     /* "full": make the kernel print everything on its console from the beginning */

/* Names of console ports, as in /sys/class/virtio-ports/vportNpM/name. */
#define PORT_CONTROL "tinyvmm.control"
#define PORT_STDIN "tinyvmm.stdin"
#define PORT_STDOUT "tinyvmm.stdout"
#define PORT_STDERR "tinyvmm.stderr"

/* guest/init runs and has loaded its modules. Without this before a reset, the kernel never came up. */
#define CONTROL_UP "up"
/* "exit N": the command ended; N is its status, 128+signal, 126 (can't execute) or 127 (not found). Power-off follows. */
#define CONTROL_EXIT "exit "
/*
 * The host's answer to CONTROL_EXIT, a line of its own on the control port, once all that the command wrote has been taken by whom it was
 * for: the guest powers off after it, since some kernels reset their consoles then, with what is still in them.
 */
#define CONTROL_TAKEN "taken\n"
/* "fatal TEXT": guest/init can't go on (no root, unknown file system, ...); TEXT is for the user. Power-off follows. */
#define CONTROL_FATAL "fatal "

#endif
