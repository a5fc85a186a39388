# SPDX-License-Identifier: Apache-2.0
#
# Makes a Markdown table of "sample VMM ROW VALUE" lines: a row is "median (least-most)" for each monitor. -v columns="NAME=TITLE|..." gives
# the columns, in order.

function row(key, title, digits) { rows[++row_count] = key; titles[key] = title; precision[key] = digits }

function number(value, digits) { return sprintf("%." digits "f", value) }

function cell(vmm, key,    count, list, i, j, swap, middle) {
	count = split(samples[vmm, key], list, " ")
	if (!count)
		return "-"
	for (i = 2; i <= count; i++)
		for (j = i; j > 1 && list[j - 1] + 0 > list[j] + 0; j--) {
			swap = list[j]
			list[j] = list[j - 1]
			list[j - 1] = swap
		}
	middle = int((count + 1) / 2)
	swap = count % 2 ? list[middle] : (list[middle] + list[middle + 1]) / 2
	if (list[1] == list[count])
		return number(swap, precision[key])
	return number(swap, precision[key]) " (" number(list[1], precision[key]) "-" number(list[count], precision[key]) ")"
}

# Thousands and MiB read better.
function scaled(key, value) {
	if (key ~ /^exits/)
		return value / 1000
	if (key ~ /^rss|^binary/)
		return value / 1024
	if (key ~ /^init/ || key == "cpu_boot")
		return value / 1000
	return value
}

BEGIN {
	row("first_run", "exec to first KVM_RUN, ms", 1)
	row("first_run_traced", "the same under strace, ms", 1)
	row("init", "boot to `/init`, s", 2)
	row("init_icount", "boot to `/init`, by instructions counted, s", 2)
	row("cpu_boot", "CPU time of a boot, s", 2)
	row("exits", "KVM exits of a boot, thousands", 1)
	row("exits_user", "of these to user space, thousands", 1)
	row("rss_init", "RSS beyond guest RAM, no network, MiB", 2)
	row("rss_idle", "RSS beyond guest RAM, two disks and user network, MiB", 2)
	row("rss_busy", "the same after disk and network were used, MiB", 2)
	row("rand_read", "4 KiB random read, depth 1, IOPS", 0)
	row("rand_write", "4 KiB random write, depth 1, IOPS", 0)
	row("sync_write", "4 KiB random write with fsync, IOPS", 0)
	row("seq_read", "sequential read, MiB/s", 0)
	row("net_out", "TCP from the guest, user network, Mbit/s", 0)
	row("net_in", "TCP to the guest, user network, Mbit/s", 0)
	row("binary", "the program, stripped, MiB", 2)
}

$1 == "sample" && NF == 4 { samples[$2, $3] = samples[$2, $3] " " scaled($3, $4); seen[$2] = seen_row[$3] = 1 }

END {
	count = split(columns, pair, "|")
	heading = "|"
	line = "|---|"
	for (i = 1; i <= count; i++) {
		split(pair[i], part, "=")
		if (!(part[1] in seen))
			continue
		vmms[++vmm_count] = part[1]
		heading = heading " | " part[2]
		line = line "---|"
	}
	print heading " |"
	print line
	for (r = 1; r <= row_count; r++) {
		if (!(rows[r] in seen_row))
			continue
		text = "| " titles[rows[r]]
		for (i = 1; i <= vmm_count; i++)
			text = text " | " cell(vmms[i], rows[r])
		print text " |"
	}
}
