package mcp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/mcp"
	"github.com/parley-hub/parley/skills/skilltest"
)

func TestTools(t *testing.T) {
	r := start(t, quick(), self(t, "t", "tools", nil))
	m := r.skill("t").Manifest()
	if diff := cmp.Diff(all, r.tools("t")); diff != "" {
		t.Fatal(diff)
	}
	if m.Version != "1.2.3" {
		t.Errorf("version %q", m.Version)
	}
	dangerous := map[string]bool{}
	for _, tool := range m.Tools {
		dangerous[tool.Name] = tool.Dangerous
	}
	if dangerous["t_echo"] || dangerous["t_fail"] || !dangerous["t_wait"] {
		t.Errorf("read only, not destructive, silent: %v", dangerous)
	}
	parts, err := call(t, r.skill("t"), "t_echo", `{"text":"hällo"}`)
	if diff := cmp.Diff([]core.Part{core.Text{Text: "hällo"}}, parts); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	_, err = call(t, r.skill("t"), "t_fail", `{"text":""}`)
	if fault.ClassOf(err) != fault.Permanent || fault.Public(err) != "the disk is full" {
		t.Errorf("%v, %q", err, fault.Public(err))
	}
	_, err = call(t, r.skill("t"), "t_ask", `{}`)
	if fault.ClassOf(err) != fault.Permanent || !strings.Contains(fault.Public(err), "does not get") {
		t.Errorf("asked back: %v, %q", err, fault.Public(err))
	}
	_, err = call(t, r.skill("t"), "t_echo", `{"text":7}`)
	if fault.ClassOf(err) != fault.Permanent || fault.Public(err) == "" {
		t.Errorf("wrong arguments: %v, %q", err, fault.Public(err))
	}
	_, err = call(t, r.skill("t"), "t_gone", `{}`)
	if fault.ClassOf(err) != fault.Permanent || !strings.Contains(fault.Public(err), "changed") {
		t.Errorf("no tool: %v", err)
	}
}

func TestConfiguredTools(t *testing.T) {
	s := self(t, "t", "tools", nil)
	s.Tools, s.Dangerous, s.Safe = []string{"echo", "wait", "nothing"}, []string{"echo"}, []string{"wait"}
	s.Roles, s.Places, s.Channels = []skills.Role{skills.Admin}, []core.Place{core.Private}, []core.Account{"support"}
	r := start(t, quick(), s)
	m := r.skill("t").Manifest()
	if len(m.Tools) != 2 || !m.Tools[0].Dangerous || m.Tools[1].Dangerous || m.Tools[1].Name != "t_wait" {
		t.Errorf("%+v", m.Tools)
	}
	if m.Allows(skills.User, core.Private) || m.Allows(skills.Admin, core.Group) || m.On("other") {
		t.Errorf("%+v", m)
	}
}

func TestFiles(t *testing.T) {
	r := start(t, quick(), self(t, "t", "tools", nil))
	files := &skilltest.Files{}
	parts, err := callIn(t.Context(), t, r.skill("t"), "t_files", "", files)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range parts {
		switch p := p.(type) {
		case core.Text:
			got = append(got, p.Text)
		case core.Media:
			got = append(got, fmt.Sprintf("%s %s %s %d", p.Kind, p.Name, p.MIME, p.Size))
			if p.Blob == "" {
				t.Errorf("%s was not kept", p.Name)
			}
		}
	}
	want := []string{
		"look\ninside\nmore https://example.org/more",
		"image image.png image/png 7", "audio audio.wav audio/wav 5", "document a.pdf application/pdf 5",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A program has the environment it was given, a folder of its own, and nothing else.
func TestEnvironment(t *testing.T) {
	t.Setenv("HUB_SECRET", "hunter2")
	r := start(t, quick(), self(t, "t", "tools", map[string]string{"TOKEN": "abc"}))
	parts, err := call(t, r.skill("t"), "t_environment", "")
	if err != nil {
		t.Fatal(err)
	}
	said := core.JoinText(parts)
	_, dir, _ := strings.Cut(said, "\nDIR=")
	lines := strings.Split(strings.TrimSuffix(said, "\nDIR="+dir), "\n")
	slices.Sort(lines)
	if diff := cmp.Diff([]string{"HOME=" + dir, program + "=tools", "TMPDIR=" + dir, "TOKEN=abc"}, slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "PWD=") })); diff != "" {
		t.Error(diff)
	}
	_ = r.servers.Close()
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its folder is still there: %v", err)
	}
}

func TestLargeResults(t *testing.T) {
	limits := mcp.DefaultLimits
	limits.Message, limits.Text = 1<<20, 1000
	r := startWith(t, mcp.Options{Times: quick(), Limits: limits, Servers: []mcp.Server{self(t, "t", "tools", nil)}})
	parts, err := call(t, r.skill("t"), "t_large", `{"n":100000}`)
	if text := core.JoinText(parts); err != nil || len(text) > 1100 || !strings.Contains(text, "left out") {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	_, err = call(t, r.skill("t"), "t_large", `{"n":2000000}`)
	if fault.ClassOf(err) != fault.Permanent || !fault.IsUnsure(err) || fault.Public(err) == "" {
		t.Errorf("%v", err)
	}
	r.saw("t connected", 2) // and it is there again
	if _, err := call(t, r.skill("t"), "t_echo", `{"text":"again"}`); err != nil {
		t.Error(err)
	}
}

func TestToolsChange(t *testing.T) {
	r := start(t, quick(), self(t, "t", "tools", nil))
	before := r.skill("t")
	if _, err := call(t, before, "t_grow", ""); err != nil {
		t.Fatal(err)
	}
	r.has("t", slices.DeleteFunc(slices.Clone(all), func(n string) bool { return n == "t_fail" })...)
	_, err := call(t, before, "t_echo", `{"text":"old"}`) // a turn that began before
	if fault.ClassOf(err) != fault.Permanent || !strings.Contains(fault.Public(err), "changed") {
		t.Errorf("another tool was called: %v", err)
	}
	parts, err := call(t, r.skill("t"), "t_echo", `{"n":1}`)
	if core.JoinText(parts) != "another" || err != nil {
		t.Errorf("%v, %v", parts, err)
	}
	if log := r.log.String(); !strings.Contains(log, `"went":["t_fail"]`) || !strings.Contains(log, `"changed":["t_echo"]`) {
		t.Error("the change was not told")
	}
}

// A version that cannot be published is told, and the one before goes on.
func TestRefusedVersion(t *testing.T) {
	r := start(t, quick(), self(t, "t", "tools", nil))
	r.move(func() { r.refuse = errors.New("two of one name") })
	if _, err := call(t, r.skill("t"), "t_grow", ""); err != nil {
		t.Fatal(err)
	}
	r.saw("t refused", 1)
	if diff := cmp.Diff(all, r.tools("t")); diff != "" {
		t.Error(diff)
	}
}

func TestHangs(t *testing.T) {
	for _, c := range []struct{ program, event string }{
		{"mute", "x failed"}, {"deaf", "x failed"}, {"endless", "x failed"}, {"crowd", "x failed"}, {"blabs", "x failed"},
	} {
		t.Run(c.program, func(t *testing.T) {
			times := impatient()
			if c.program == "crowd" || c.program == "endless" || c.program == "blabs" { // they answer
				times.Start = patience
			}
			r := start(t, times, self(t, "x", c.program, map[string]string{"TOKEN": "hunter2-hunter2"}), self(t, "t", "tools", nil))
			r.saw(c.event, 2)
			if s := r.skill("x"); len(s.Manifest().Tools) != 0 {
				t.Errorf("%+v", s.Manifest())
			}
			_, err := call(t, r.skill("x"), "x_do", "")
			if fault.Public(err) == "" {
				t.Errorf("%v", err)
			}
			if strings.Contains(r.log.String(), "hunter2") {
				t.Error("the log has the secret")
			}
			if c.program == "blabs" && !strings.Contains(r.log.String(), "my token is [redacted]") {
				t.Error("the log does not have its last words")
			}
		})
	}
}

// What breaks in a call costs that call a clear word, and is there again for the next.
func TestBreaksInACall(t *testing.T) {
	for _, c := range []struct{ program, event string }{{"dies", "x lost"}, {"garbage", "x lost"}, {"flood", "x flooded"}} {
		t.Run(c.program, func(t *testing.T) {
			limits := mcp.DefaultLimits
			limits.Lines = 10_000
			times := quick()
			times.Settle = time.Hour // the flood is no reason to look
			r := startWith(t, mcp.Options{Times: times, Limits: limits, Servers: []mcp.Server{self(t, "x", c.program, nil)}})
			r.has("x", "x_do")
			_, err := call(t, r.skill("x"), "x_do", "")
			if fault.ClassOf(err) != fault.Permanent || !fault.IsUnsure(err) || fault.Public(err) == "" {
				t.Errorf("%v, %q", err, fault.Public(err))
			}
			if c.program == "flood" {
				return // the session ends when it is looked after
			}
			r.saw(c.event, 1)
			r.saw("x connected", 2)
		})
	}
}

// A call that is not answered ends in time; a server that answers nothing more is begun anew.
func TestUnanswered(t *testing.T) {
	r := start(t, impatientCalls(), self(t, "x", "silent", nil))
	r.has("x", "x_do")
	_, err := call(t, r.skill("x"), "x_do", "")
	if fault.ClassOf(err) != fault.Permanent || !fault.IsUnsure(err) || !strings.Contains(fault.Public(err), "did not answer") {
		t.Errorf("%v", err)
	}
	r.saw("x hung", 1)
	r.saw("x lost", 1)
	r.saw("x connected", 2)
}

// impatientCalls are times for servers that start well.
func impatientCalls() mcp.Times {
	times := quick()
	times.Call, times.Start, times.Grace = 300*time.Millisecond, 2*time.Second, 100*time.Millisecond
	return times
}

func TestCancelledCall(t *testing.T) {
	r := start(t, quick(), self(t, "t", "tools", nil))
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	_, err := callIn(ctx, t, r.skill("t"), "t_wait", "", &skilltest.Files{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := call(t, r.skill("t"), "t_echo", `{"text":"on"}`); err != nil {
		t.Errorf("the session did not go on: %v", err)
	}
}

// A program that ignores everything is killed with the hub.
func TestStubborn(t *testing.T) {
	times := quick()
	times.Grace = 100 * time.Millisecond
	r := start(t, times, self(t, "x", "stubborn", nil))
	r.has("x", "x_do")
	if err := r.servers.Close(); err != nil {
		t.Error(err)
	}
}

func TestNoProgram(t *testing.T) {
	r := start(t, quick(), mcp.Server{Name: "x", Command: []string{"/nowhere/at-all"}})
	r.saw("x failed", 3)
}

// Tools that cannot be had are left out and told; the others are there.
func TestOddTools(t *testing.T) {
	r := start(t, quick(), self(t, "x", "odd", nil))
	r.has("x", "x_a_b", "x_do", "x_none")
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := count(r.events, "x refused"); n != 3 {
		t.Errorf("%d are told: %v", n, r.events)
	}
}

// What a program started ends with it, though it ends by itself.
func TestChildren(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	r := start(t, quick(), self(t, "x", "parent", map[string]string{"ADDRESS": l.Addr().String()}))
	if _, err := call(t, r.skill("x"), "x_do", ""); err != nil {
		t.Fatal(err)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := r.servers.Close(); err != nil {
		t.Error(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("it lives on")
	}
}
