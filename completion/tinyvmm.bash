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
	local before=${cur%,*},
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
	--kernel | -k | --initrd | --console-log | --dump-dtb) _tinyvmm_files ;;
	--modules)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		;;
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
	_tinyvmm_value "$previous" && return
	if [ "$COMP_CWORD" = 1 ] && [[ $cur != -* ]]; then
		_tinyvmm_words "run check"
		return
	fi
	_tinyvmm_words "--kernel --disk --root --init --append --initrd --modules --env --cpus --memory --net --rng --console --gic --name
		--timeout --no-reboot --console-log --sandbox --unpack --no-cache --allow-emulation --log-level --dump-dtb --dry-run
		--help --version --"
}

complete -F _tinyvmm tinyvmm
