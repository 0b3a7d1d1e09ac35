package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/logtest"
	"github.com/parley-hub/parley/simulators/telegram"
)

const bobsID = 8

// fortress is a hub with hostile programs in its folder, and all that they are after.
type fortress struct {
	t        *testing.T
	hub      *App
	telegram *telegram.Server
	log      *logtest.Log
	client   *http.Client
	// world is what the programs are told of it, as JSON.
	world  string
	others int
	asked  atomic.Int32 // calls to an address that no program may call
	// before is what somebody else does before an escape, and gives what ends it.
	before map[string]func() (end func())

	listeners map[string]net.Listener
	packets   net.PacketConn
	signals   chan os.Signal
	open      string
	folder    string
}

func newFortress(t *testing.T) *fortress {
	t.Helper()
	f := &fortress{
		t: t, log: &logtest.Log{}, client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, listeners: map[string]net.Listener{},
		telegram: telegram.New(telegram.Options{}), signals: make(chan os.Signal, 16),
	}
	f.before = map[string]func() func(){
		"stream": func() func() {
			before := len(f.heard(bobsID))
			f.say(bobsID, "/escapes hold")
			return func() { f.want(f.next(bobsID, before), "held") }
		},
		"question": func() func() {
			f.want(f.ask(bobsID, "/neighbour pin"), "your PIN?")
			return func() {}
		},
	}
	t.Setenv("PARLEY_TEST_SECRET", "of-the-hub")
	signal.Notify(f.signals, syscall.SIGUSR1)
	t.Cleanup(func() { signal.Stop(f.signals) })
	dir := t.TempDir()
	world := f.surroundings(dir)
	inside := f.serve(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { f.asked.Add(1) }))
	world["Inside"] = inside
	server := f.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, "http://"+inside+"/", http.StatusFound)
		}
	}))
	f.folder = filepath.Join(dir, "skills")
	sum := install(t, f.folder, server)
	f.run(dir, sum)

	words := strings.Fields(f.ask(bobsID, "/neighbour live"))
	if len(words) != 5 {
		t.Fatalf("the neighbour says %q\n%s", words, f.log)
	}
	world["Binary"], world["Temp"], world["Blob"] = words[2], words[3], words[4]
	f.want(f.ask(bobsID, "/escapes mine"), "kept")
	data, err := json.Marshal(world)
	if err != nil {
		t.Fatal(err)
	}
	f.world = string(data)
	return f
}

// surroundings are what lies about, readable and writable for all, so that nothing but the
// jail keeps anybody out.
func (f *fortress) surroundings(dir string) map[string]any {
	f.t.Helper()
	f.open = filepath.Join(dir, "open")
	if err := os.WriteFile(f.open, []byte("secret"), 0o600); err != nil {
		f.t.Fatal(err)
	}
	f.forAll(f.open)
	fd, err := syscall.Open(f.open, syscall.O_RDONLY, 0) // not closed on exec
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = syscall.Close(fd) })
	listen := func(network, address string) string {
		l, err := net.Listen(network, address)
		if err != nil {
			f.t.Fatal(err)
		}
		f.t.Cleanup(func() { _ = l.Close() })
		f.listeners[address] = l
		return l.Addr().String()
	}
	if f.packets, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = f.packets.Close() })
	socket := listen("unix", filepath.Join(dir, "socket"))
	f.forAll(socket)
	return map[string]any{
		"PID": os.Getpid(), "Passwd": "/etc/passwd", "Open": f.open, "FD": fd, "Secret": "of-the-hub", "Socket": socket,
		"Data": filepath.Join(dir, "data", skillsFile), "Config": filepath.Join(dir, "parley.yaml"),
		"TCP": listen("tcp", "127.0.0.1:0"), "UDP": f.packets.LocalAddr().String(), "Abstract": listen("unix", fmt.Sprintf("@parley-test-%d", os.Getpid())),
		"Person": core.PersonOf("telegram", "8"), "Chat": "8", "Account": "telegram", "Turn": "bobs-turn",
	}
}

func (f *fortress) forAll(path string) {
	f.t.Helper()
	if err := os.Chmod(path, 0o666); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fortress) serve(h http.Handler) string {
	s := httptest.NewServer(h)
	f.t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// install builds the program, puts it into the folder under each of its names and gives its
// checksum.
func install(t *testing.T, folder, server string) string {
	t.Helper()
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	first := filepath.Join(folder, "escapes")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w -X main.server="+server, "-o", first, "./testdata/escapes")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range []string{"neighbour", "sender", "hog", "threads", "filler", "spin"} {
		if err := os.Link(first, filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// run runs the hub until the test ends.
func (f *fortress) run(dir, sum string) {
	t := f.t
	t.Helper()
	t.Cleanup(f.telegram.Close)
	f.telegram.AddBot("100:token", annsBot, "parley_bot", "Parley")
	for id, name := range map[int64]string{annsID: "Ann", bobsID: "Bob"} {
		f.telegram.AddUser(telegram.User{ID: id, FirstName: name})
		if err := f.telegram.OpenPrivate(annsBot, id); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "parley.yaml")
	text := fmt.Sprintf(`data_dir: %q
http: {listen: "127.0.0.1:0"}
channels:
  telegram: {token: "100:token", api_url: "http://%s", limits: {account: {count: 0}, chat: {count: 0}}}
models: {pools: {none: {model: m, workers: [{url: "http://127.0.0.1:9"}]}}}
skills: {folder: %q, rate: {count: 0}, secrets: {neighbour: {key: hunter2}}, allow: {checksums: [%s]}}
`, filepath.Join(dir, "data"), f.serve(f.telegram), f.folder, sum)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, _, err := configs.Load(configs.Source{Path: file, Factories: Factories()})
	if err != nil {
		t.Fatal(err)
	}
	if f.hub, err = New(t.Context(), Options{Config: cfg, File: file, Log: f.log}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.hub.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v\n%s", err, f.log)
		}
		if strings.Contains(f.log.String(), "hunter2") {
			t.Error("a secret is in the log")
		}
	})
	for _, path := range []string{file, filepath.Join(dir, "data", skillsFile)} {
		f.forAll(path)
	}
	if err := os.Chmod(filepath.Join(dir, "data"), 0o755); err != nil {
		t.Fatal(err)
	}
}

func (f *fortress) say(who int64, text string) {
	f.t.Helper()
	if _, err := f.telegram.Say(who, text); err != nil {
		f.t.Fatal(err)
	}
}

// ask says something and gives the answer.
func (f *fortress) ask(who int64, text string) string {
	f.t.Helper()
	before := len(f.heard(who))
	f.say(who, text)
	return f.next(who, before)
}

// next waits for somebody's answer behind so many.
func (f *fortress) next(who int64, before int) string {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	if err := f.telegram.Wait(ctx, func() bool { return len(f.heard(who)) > before }); err != nil {
		f.t.Fatalf("no answer: %v\n%s", err, f.log)
	}
	return f.heard(who)[before]
}

// heard is what the bot said to somebody.
func (f *fortress) heard(who int64) (out []string) {
	for _, m := range f.telegram.Shown(annsBot, who) {
		if m.ByBot == annsBot {
			out = append(out, m.Text)
		}
	}
	return out
}

func (f *fortress) want(got, want string) {
	f.t.Helper()
	if got != want {
		f.t.Errorf("%q, want %q", got, want)
	}
}

func readAll(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// nobodyCalled: the first to call each listener is the test itself.
func (f *fortress) nobodyCalled() {
	f.t.Helper()
	for _, l := range f.listeners {
		out, err := (&net.Dialer{}).DialContext(f.t.Context(), l.Addr().Network(), l.Addr().String())
		if err != nil {
			f.t.Fatal(err)
		}
		if _, err := out.Write([]byte("own")); err != nil {
			f.t.Fatal(err)
		}
		in, err := l.Accept()
		if err != nil {
			f.t.Fatal(err)
		}
		said := make([]byte, 3)
		if _, err := io.ReadFull(in, said); err != nil || string(said) != "own" {
			f.t.Errorf("%s was called by somebody who says %q, %v", l.Addr(), said, err)
		}
		_, _ = in.Close(), out.Close()
	}
}

func (f *fortress) nobodySent() {
	f.t.Helper()
	out, err := (&net.Dialer{}).DialContext(f.t.Context(), "udp", f.packets.LocalAddr().String())
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	if _, err := out.Write([]byte("own")); err != nil {
		f.t.Fatal(err)
	}
	said := make([]byte, 3)
	if _, _, err := f.packets.ReadFrom(said); err != nil || string(said) != "own" {
		f.t.Errorf("a packet says %q, %v", said, err)
	}
}

func (f *fortress) nobodyAsked() {
	f.t.Helper()
	if n := f.asked.Load(); n > 0 {
		f.t.Errorf("%d calls came through", n)
	}
}

func (f *fortress) nothingWritten() {
	f.t.Helper()
	if b, err := os.ReadFile(f.open); string(b) != "secret" || err != nil {
		f.t.Errorf("the file has %q, %v", b, err)
	}
}

func (f *fortress) noSignal() {
	f.t.Helper()
	if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
		f.t.Fatal(err)
	}
	if <-f.signals; len(f.signals) > 0 {
		f.t.Error("the hub got a signal")
	}
}

func (f *fortress) treasureIsThere() {
	f.t.Helper()
	f.want(f.ask(bobsID, "/neighbour treasure"), "gold")
}

func (f *fortress) bobsIsThere() {
	f.t.Helper()
	f.want(f.ask(bobsID, "/escapes still"), `Bob's ["treasure"]`)
}

func (f *fortress) bobHeardNothing() {
	f.t.Helper()
	if all := strings.Join(f.heard(bobsID), "\n"); strings.Contains(all, "GOT OUT") {
		f.t.Errorf("somebody else read: %s", all)
	}
}

func (f *fortress) bobAnswersHisOwn() {
	f.t.Helper()
	f.want(f.ask(bobsID, "1234"), string(core.PersonOf("telegram", "8"))+` answered "your PIN?"`)
}

func (f *fortress) fewWords() {
	f.t.Helper()
	last := f.heard(annsID)
	if n := len(last[len(last)-1]); n > 1100 {
		f.t.Errorf("the person read %d bytes", n)
	}
}

func (f *fortress) nobodyLogged() {
	f.t.Helper()
	if strings.Contains(f.log.String(), "ENDLESS") {
		f.t.Error("it is in the log")
	}
}
