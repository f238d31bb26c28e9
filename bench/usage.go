package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// usage is CPU time in seconds of a server's processes.
type usage struct {
	Server, Postgres, Redis float64
}

func (u usage) since(before usage) usage {
	return usage{u.Server - before.Server, u.Postgres - before.Postgres, u.Redis - before.Redis}
}

func (u usage) plus(o usage) usage {
	return usage{u.Server + o.Server, u.Postgres + o.Postgres, u.Redis + o.Redis}
}

// process is what /proc tells of one.
type process struct {
	parent     int
	name       string
	own, waits float64 // CPU seconds: its own, and of children that have ended
}

// usageOf is what a server and the processes below it have used so far; zeros where there is no /proc.
func usageOf(server int) usage {
	all := map[int]process{}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		if p, ok := readProcess(pid); ok {
			all[pid] = p
		}
	}
	var used usage
	for pid, p := range all {
		switch {
		case pid == server:
			used.Server += p.own
		case !below(all, pid, server):
		case p.name == "redis-server":
			used.Redis += p.own + p.waits
		default:
			used.Postgres += p.own + p.waits
		}
	}
	return used
}

func below(all map[int]process, pid, ancestor int) bool {
	for pid > 1 {
		if pid = all[pid].parent; pid == ancestor {
			return true
		}
	}
	return false
}

func readProcess(pid int) (p process, ok bool) {
	body, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return p, false
	}
	// The name in brackets may hold anything. After it: state, parent, and from the 12th on user and system time, of
	// the process and of its children.
	open, end := bytes.IndexByte(body, '('), bytes.LastIndexByte(body, ')')
	if open < 0 || end < open {
		return p, false
	}
	p.name = string(body[open+1 : end])
	fields := bytes.Fields(body[end+1:])
	if len(fields) < 15 {
		return p, false
	}
	var ticks [4]float64
	for i := range ticks {
		if ticks[i], err = strconv.ParseFloat(string(fields[11+i]), 64); err != nil {
			return p, false
		}
	}
	p.parent, err = strconv.Atoi(string(fields[1]))
	p.own, p.waits = (ticks[0]+ticks[1])/ticksPerSecond, (ticks[2]+ticks[3])/ticksPerSecond
	return p, err == nil
}
