package pool_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/parley-hub/parley/simulators/nodetest"
)

// portkey starts Portkey's gateway before the worker, and gives its address. It needs node.
func (p *paths) portkey(t *testing.T) string {
	t.Helper()
	dir := nodetest.Dir(t.Context(), t, filepath.Join("testdata", "portkey"), "@portkey-ai/gateway")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // it is of tcp
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	server := filepath.Join("node_modules", "@portkey-ai", "gateway", "build", "start-server.js")
	cmd := exec.CommandContext(ctx, "node", server, "--headless", "--port="+strconv.Itoa(port))
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "NODE_ENV=production")
	says, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	t.Cleanup(func() {
		stop()
		reading.Wait()
		_ = cmd.Wait() // it was killed
	})
	p.header = http.Header{"X-Portkey-Provider": {"openai"}, "X-Portkey-Custom-Host": {p.direct}}
	lines := bufio.NewReader(says)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("Portkey ended before it listened: %v", err)
		}
		if strings.Contains(line, "Ready for connections") {
			break
		}
	}
	reading.Go(func() { _, _ = io.Copy(io.Discard, lines) })
	base := fmt.Sprintf("http://127.0.0.1:%d/v1", port)
	if err := p.ask(base, plainBody); err != nil {
		t.Fatalf("Portkey does not answer: %v", err)
	}
	return base
}

// overPortkey is how many times Portkey's plain throughput the pool has. Portkey is another
// process, so it is the clock's time that is compared.
func overPortkey(t *testing.T, p paths) row {
	base := p.portkey(t)
	var pooled, theirs rate
	p.full(t, base, plainBody)
	for range sittings {
		pooled.add(p.full(t, p.pool, plainBody))
		theirs.add(p.full(t, base, plainBody))
	}
	of := pooled.wall / theirs.wall
	return row{
		1, "plain: throughput over Portkey's (1.15.2)", fmt.Sprintf("%.1f (%.0f over %.0f /s)", of, pooled.wall, theirs.wall), ">= 5", judge(of >= 5),
	}
}
