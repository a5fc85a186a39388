# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Completion of tinyvmm's command line for bash. Needs nothing of the bash-completion package.

# Sets COMPREPLY to the given words that begin with $cur.
_tinyvmm_words() {
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

_tinyvmm_files() {
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen -f -- "$cur")
}

# Parts after the last comma: _tinyvmm_parts "ro cow cow= ..."
_tinyvmm_parts() {
	local before=
	[[ $cur != *,* ]] || before=${cur%,*},
	compopt -o nospace 2>/dev/null
	mapfile -t COMPREPLY < <(compgen -P "$before" -W "$1" -- "${cur##*,}")
}

# The value of option $1.
_tinyvmm_value() {
	case $1 in
	--disk | -d)
		case $cur in
		*,*) _tinyvmm_parts "ro cow cow= serial= format=raw" ;;
		*) _tinyvmm_files && compopt -o nospace 2>/dev/null ;;
		esac
		;;
	--net | -n)
		case $cur in
		user,*) _tinyvmm_parts "hostfwd= restrict mac= mtu= dns=" ;;
		tap,*) _tinyvmm_parts "ifname= ip= gw= mac= mtu= dns=" ;;
		*) _tinyvmm_words "user tap none" ;;
		esac
		;;
	--kernel | -k | --initrd | --console-log | --dump-dtb | --dump-initramfs) _tinyvmm_files ;;
	--modules) _tinyvmm_directories ;;
	--memory | -m) _tinyvmm_words "256M 512M 1G 2G 4G 8G" ;;
	--rng) _tinyvmm_words "on off" ;;
	--gic) _tinyvmm_words "v3 v2 user" ;;
	--console) _tinyvmm_words "hvc serial" ;;
	--sandbox) _tinyvmm_words "on off log" ;;
	--unpack) _tinyvmm_words "host guest" ;;
	--log-level) _tinyvmm_words "error warn info debug" ;;
	--root | --init | --append | -a | --env | --cpus | -c | --name | --timeout) ;;
	*) return 1 ;;
	esac
}

_tinyvmm_directories() {
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen -d -- "$cur")
}

# The value of `ctr run`'s option $1. bash makes a word of its own of ':', so paths after one are not completed.
_tinyvmm_ctr_value() {
	case $1 in
	--rootfs) _tinyvmm_directories ;;
	--disk | -d | --image | --bind) _tinyvmm_files ;;
	--isolation) _tinyvmm_words "chroot namespaces full" ;;
	--share)
		_tinyvmm_words "cgroup=host ipc=host uts=host net=host pid=host mount=host time=host"
		;;
	--join)
		compopt -o nospace 2>/dev/null
		_tinyvmm_words "cgroup= ipc= uts= net= pid= time="
		;;
	--cap-add | --cap-drop | --cap-ambient) _tinyvmm_words "$_tinyvmm_capabilities" ;;
	--no-new-privs | --init) _tinyvmm_words "on off" ;;
	--seccomp)
		_tinyvmm_files
		[[ off != "$cur"* ]] || COMPREPLY+=(off)
		;;
	--rlimit)
		compopt -o nospace 2>/dev/null
		_tinyvmm_words "as= core= cpu= data= fsize= memlock= msgqueue= nice= nofile= nproc= rtprio= rttime= sigpending= stack="
		;;
	--memory | -m) _tinyvmm_words "64M 128M 256M 512M 1G 2G 4G" ;;
	--device)
		compopt -o nospace 2>/dev/null
		_tinyvmm_words "allow= deny="
		;;
	--net | -n)
		case $cur in
		user,*) _tinyvmm_parts "hostfwd= restrict mtu=" ;;
		veth,*) _tinyvmm_parts "bridge= ip= gateway= hostfwd= mtu=" ;;
		*) _tinyvmm_words "user veth host none" ;;
		esac
		;;
	--log-level) _tinyvmm_words "error warn info debug" ;;
	--tmpfs | --user | --workdir | --env | --oom-score | --hostname | --timeout | --swap | --cpus | -c | --cpu-shares | --cpuset | --pids | \
		--io-weight | --io-limit | --net-class | --net-prio | --name) ;;
	*) return 1 ;;
	esac
}

_tinyvmm_capabilities="ALL AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER
	FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON
	SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME
	SYS_TTY_CONFIG WAKE_ALARM"

# A kept container's verb: its name, and the verb's own options.
_tinyvmm_ctr_kept() {
	local names options=
	if [ "$1" = exec ]; then
		case $previous in
		--terminal) _tinyvmm_words "on off" && return ;;
		--user | --workdir | --env) return ;;
		esac
	fi
	names=$(tinyvmm ctr list --quiet 2>/dev/null)
	case $1 in
	stop | restart) options="--timeout --signal" ;;
	exec) options="--user --workdir --env --terminal --" ;;
	list) names='' options="--json --quiet" ;;
	info) options="--json" ;;
	logs) options="--follow" ;;
	stats) options="--once" ;;
	delete) options="--force" ;;
	snapshot | restore)
		[ "$1" = restore ] || options="--list --delete"
		[ "$COMP_CWORD" = 3 ] || names=$(tinyvmm ctr snapshot "${COMP_WORDS[3]}" --list 2>/dev/null | cut -d' ' -f1)
		;;
	export)
		if [ "$COMP_CWORD" -gt 3 ]; then
			_tinyvmm_files
			return
		fi
		;;
	esac
	_tinyvmm_words "$names $options --help"
}

_tinyvmm_ctr() {
	if [ "$COMP_CWORD" = 2 ] && [[ $cur != -* ]]; then
		_tinyvmm_words "run create start stop restart kill exec attach pause resume wait list info logs stats rename copy snapshot restore export import delete"
		return
	fi
	case ${COMP_WORDS[2]} in
	run | create) ;;
	import)
		if [ "$COMP_CWORD" = 4 ]; then
			_tinyvmm_files
			return
		fi
		;;
	*)
		_tinyvmm_ctr_kept "${COMP_WORDS[2]}"
		return
		;;
	esac
	_tinyvmm_ctr_value "$previous" && return
	_tinyvmm_words "--rootfs --disk --image --read-only --keep --bind --tmpfs --isolation --share --join --userns --cap-add --cap-drop
		--cap-ambient --no-new-privs --seccomp --user --workdir --env --rlimit --oom-score --hostname --init --terminal --timeout --memory --swap --cpus
		--cpu-shares --cpuset --pids --io-weight --io-limit --device --net-class --net-prio --best-effort --net --name --log-level --help --"
}

# Values of options that bench and contrast have
_tinyvmm_ladder_value() {
	case $1 in
	--disk | -d | --kernel | -k | --json | --csv | --html) _tinyvmm_files ;;
	--rootfs | --modules) _tinyvmm_directories ;;
	--memory | -m) _tinyvmm_words "256M 512M 1G 2G 4G" ;;
	--also) _tinyvmm_words "bwrap crun runc qemu" ;;
	--log-level) _tinyvmm_words "error warn info debug" ;;
	--rounds | --seed | --density | --timeout) ;;
	*) return 1 ;;
	esac
}

_tinyvmm_bench() {
	if [ "$COMP_CWORD" = 2 ] && [[ $cur != -* ]]; then
		_tinyvmm_words "compare"
		return
	fi
	if [ "${COMP_WORDS[2]}" = compare ]; then
		[[ $cur == -* ]] && _tinyvmm_words "--threshold --log-level --help" || _tinyvmm_files
		return
	fi
	case $previous in
	--only) _tinyvmm_parts "native chroot namespaces ctr unprivileged vm start latency cpu memory disk net bridge density" ;;
	*)
		_tinyvmm_ladder_value "$previous" || _tinyvmm_words "--disk --rootfs --kernel --modules --memory --also --allow-emulation --only --rounds --quick
			--seed --density --timeout --json --csv --html --log-level --help --"
		;;
	esac
}

_tinyvmm_contrast() {
	case $previous in
	--only) _tinyvmm_parts "native chroot namespaces ctr unprivileged vm" ;;
	*)
		_tinyvmm_ladder_value "$previous" || _tinyvmm_words "--disk --rootfs --kernel --modules --memory --also --allow-emulation --only --timeout
			--json --html --log-level --help"
		;;
	esac
}

_tinyvmm() {
	local cur=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} i
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		# What follows "--" is the guest's
		[ "${COMP_WORDS[i]}" = -- ] && return
	done
	# bash makes a word of its own of '='
	if [ "$cur" = = ]; then
		cur=
	elif [ "$previous" = = ]; then
		previous=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	if [ "$COMP_CWORD" -gt 1 ] && [ "${COMP_WORDS[1]}" = ctr ]; then
		_tinyvmm_ctr
		return
	fi
	if [ "$COMP_CWORD" -gt 1 ] && [ "${COMP_WORDS[1]}" = bench ]; then
		_tinyvmm_bench
		return
	fi
	if [ "$COMP_CWORD" -gt 1 ] && [ "${COMP_WORDS[1]}" = contrast ]; then
		_tinyvmm_contrast
		return
	fi
	_tinyvmm_value "$previous" && return
	if [ "$COMP_CWORD" = 1 ] && [[ $cur != -* ]]; then
		_tinyvmm_words "run check ctr bench contrast"
		return
	fi
	_tinyvmm_words "--kernel --disk --root --init --append --initrd --modules --env --cpus --memory --net --rng --console --gic --name
		--timeout --no-reboot --console-log --sandbox --unpack --no-cache --allow-emulation --log-level --dump-dtb --dump-initramfs --dry-run
		--help --version --"
}

complete -F _tinyvmm tinyvmm
