package main

import (
	"math"
	"runtime/debug"
	"testing"
)

func TestTheEnvironmentSetsTheCollector(t *testing.T) {
	percent, limit := debug.SetGCPercent(123), debug.SetMemoryLimit(1<<40)
	defer func() { debug.SetGCPercent(percent); debug.SetMemoryLimit(limit) }()
	t.Setenv("GOGC", "123")
	t.Setenv("GOMEMLIMIT", "1TiB")
	relaxCollector()
	if got := debug.SetGCPercent(123); got != 123 {
		t.Errorf("GOGC=123 became %d", got)
	}
	if got := debug.SetMemoryLimit(-1); got != 1<<40 {
		t.Errorf("GOMEMLIMIT=1TiB became %d", got)
	}
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	relaxCollector()
	if got := debug.SetGCPercent(123); got != collectorPercent {
		t.Errorf("collects at %d %%", got)
	}
	if total, known := machineMemory(); known && debug.SetMemoryLimit(-1) != total/memoryShare {
		t.Errorf("limit %d of %d", debug.SetMemoryLimit(-1), total)
	}
}

func TestMemTotal(t *testing.T) {
	for text, want := range map[string]int64{
		"MemTotal:       24684096 kB\nMemFree: 1 kB\n": 24684096 << 10,
		"MemFree: 1 kB\nMemTotal: 2 kB":                2 << 10,
		"MemTotal: 2 MB":                               0,
		"MemTotal: -2 kB":                              0,
		"":                                             0,
	} {
		if got, known := memTotal([]byte(text)); got != want || known != (want > 0) {
			t.Errorf("%q: %d, %v", text, got, known)
		}
	}
	if total, known := machineMemory(); known && (total < 1<<20 || total == math.MaxInt64) {
		t.Errorf("the machine has %d bytes", total)
	}
}
