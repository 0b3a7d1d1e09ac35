package wire

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Owner finds which of some processes has the end of a connection that lies at a
// port of 127.0.0.1; Everybody when none of them has.
func Owner(port int, pids map[string]int) string {
	inode := inodeOf(port)
	if inode == "" {
		return Everybody
	}
	want := "socket:[" + inode + "]"
	for name, pid := range pids {
		dir := "/proc/" + strconv.Itoa(pid) + "/fd"
		files, err := os.ReadDir(dir)
		if err != nil {
			continue // it ended
		}
		for _, f := range files {
			if to, err := os.Readlink(dir + "/" + f.Name()); err == nil && to == want {
				return name
			}
		}
	}
	return Everybody
}

// inodeOf is that of the connection from a local port, as /proc/net/tcp has it (proc(5)):
// number, local address, remote address, state, queues, timers, retransmits, user,
// timeout, inode.
func inodeOf(port int) string {
	table, err := os.Open("/proc/net/tcp")
	if err != nil {
		return ""
	}
	defer func() { _ = table.Close() }() // only read
	local := fmt.Sprintf("0100007F:%04X", port)
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) > 9 && fields[1] == local && fields[9] != "0" {
			return fields[9]
		}
	}
	return ""
}
