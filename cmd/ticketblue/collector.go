package main

import (
	"bufio"
	"bytes"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

// The server's live heap is small and its garbage short-lived, but a collection keeps every processor for some 50 ms,
// Postgres' as well: with one every three seconds that was what the slowest hundredth of a crowd waited for. So memory
// is given for rest, a gigabyte in a rush where there is one. Near the limit it collects as often as it must.
const (
	collectorPercent = 1600 // GOGC
	memoryShare      = 2    // of the machine's memory the limit is one part in so many; Postgres needs the rest
)

// relaxCollector sets what the environment does not set.
func relaxCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectorPercent)
	}
	if total, known := machineMemory(); known && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(total / memoryShare)
	}
}

// machineMemory is what the container may have, else the machine, in bytes; false where neither says.
func machineMemory() (bytes int64, known bool) {
	if info, err := os.ReadFile("/proc/meminfo"); err == nil {
		bytes, known = memTotal(info)
	}
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} { // versions 2 and 1
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64) // or the word max
		if err == nil && limit > 0 && (!known || limit < bytes) {
			bytes, known = limit, true
		}
	}
	return bytes, known
}

// memTotal reads "MemTotal: 24684096 kB".
func memTotal(info []byte) (size int64, known bool) {
	lines := bufio.NewScanner(bytes.NewReader(info))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 3 && fields[0] == "MemTotal:" && fields[2] == "kB" {
			kilobytes, err := strconv.ParseInt(fields[1], 10, 53)
			if err != nil || kilobytes <= 0 {
				return 0, false
			}
			return kilobytes << 10, true
		}
	}
	return 0, false
}
