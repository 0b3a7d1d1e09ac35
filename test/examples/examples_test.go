package examples

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/parley-hub/parley/test/hubtest"
)

// TestExamples installs the three examples, two of them while the hub runs, and uses each on
// two platforms.
func TestExamples(t *testing.T) {
	w := newWorld(t)
	w.install("weather") // a route leads to it
	w.start()
	w.install("poll")
	w.install("notes")
	for _, command := range []string{"weather", "poll", "note", "notes"} {
		w.offers(command)
	}
	for _, c := range w.private() {
		w.forecasts(c)
		// The model calls the same skill.
		if got := c.ask("Do I need an umbrella in Graz?"); !strings.HasPrefix(got.text, "I hear: ") || !strings.Contains(got.text, "Graz, AT: 12 °C, light rain") {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	for _, c := range w.groups() {
		w.poll(c)
	}
	w.notes()
	if code := w.hub.Stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, line := range w.hub.Lines() {
		if strings.Contains(line, weatherKey) || strings.Contains(line, "buy a boat") {
			t.Errorf("in the log: %s", line)
		}
	}
}

func (w *world) forecasts(c chat) {
	const linz = "Linz, AT: 12 °C, light rain, humidity 71 %. In the next 24 hours 12 to 12 °C."
	said := c.ask("/weather Linz")
	if !strings.Contains(said.text, linz) {
		w.t.Errorf("%s: %q", c.name, said.text)
	}
	all := c.shown()
	if said.pictures+all[len(all)-1].pictures == 0 {
		w.until(c.wait, "a picture on "+c.name, func() bool { all := c.shown(); return all[len(all)-1].pictures > 0 })
	}
	c.want("/weather Atlantis", "I found no city called “Atlantis”.")
	c.want("what is the outlook?", "Write /weather and a city.")
	w.weather.broken.Store(true)
	c.want("/weather Linz", "The weather service does not answer at the moment. Please try again later.")
	w.weather.broken.Store(false)
	if c.name == "telegram" { // Discord's own form asks for it
		if got := c.ask("/weather").text; !strings.Contains(got, "city is missing") {
			w.t.Errorf("%q", got)
		}
	}
}

// poll has ten people vote at once, and some of them change their minds at once.
func (w *world) poll(c chat) {
	const question = "What shall we eat?"
	said := c.ask("/poll " + question + "; Pizza; Pasta; Salad")
	if said.text != question || len(said.buttons) != 4 {
		w.t.Fatalf("%s: %+v", c.name, said)
	}
	press := func(who int, label string) error { return c.press(who, said.id, said.buttons[label]) }
	vote := func(people int, label func(int) string) {
		w.t.Helper()
		before := len(c.shown())
		var voting sync.WaitGroup
		for n := range people {
			voting.Go(func() {
				if err := press(n, label(n)); err != nil {
					w.t.Error(err)
				}
			})
		}
		voting.Wait()
		w.until(c.wait, fmt.Sprintf("%d votes are counted on %s", people, c.name), func() bool { return len(c.shown()) == before+people })
	}
	vote(people, func(n int) string { return []string{"Pizza", "Pasta", "Salad"}[n%3] })                                                // 4, 3, 3
	if all := c.shown(); !strings.Contains(all[len(all)-1].text, "Pizza: 4\n") || !strings.Contains(all[len(all)-1].text, "Salad: 3") { // all are in it
		w.t.Errorf("%s: %q", c.name, all[len(all)-1].text)
	}
	vote(3, func(int) string { return "Salad" }) // of the first three one was for each: 3, 2, 5
	if got := c.answer(func() error { return press(1, "End the vote") }).text; got != "Only who began the vote can end it." {
		w.t.Errorf("%s: %q", c.name, got)
	}
	const over = "The vote is over.\n\n" + question + "\n■■■ Pizza: 3\n■■ Pasta: 2\n■■■■■ Salad: 5"
	for range 2 {
		if got := c.answer(func() error { return press(0, "End the vote") }).text; got != over {
			w.t.Errorf("%s: %q", c.name, got)
		}
	}
	if got := c.answer(func() error { return press(9, "Pizza") }).text; got != over {
		w.t.Errorf("%s: %q", c.name, got)
	}
	if got := c.ask("/poll nothing to choose").text; !strings.HasPrefix(got, "Write the question") {
		w.t.Errorf("%s: %q", c.name, got)
	}
}

var linkCode = regexp.MustCompile(`/link ([A-Z0-9]+)`)

// notes follow their person from one platform to the other, and go with /forget.
func (w *world) notes() {
	const nothing = "You have no notes. /note milk and bread keeps one."
	chats := w.private()
	here, there := chats[0], chats[1]
	here.want("/notes", nothing)
	here.want("/note buy a boat", "Noted.")
	there.want("/notes", nothing)
	code := linkCode.FindStringSubmatch(here.ask("/link").text)
	if code == nil {
		w.t.Fatal("no code")
	}
	told := len(here.shown())
	there.ask("/link " + code[1])
	w.until(here.wait, "the other account is told", func() bool { return len(here.shown()) > told })
	there.want("/notes", "1. buy a boat")
	there.want("/note", "What shall I note?")
	here.want("sell the boat", "Noted.") // the question is the person's, wherever they are
	there.want("/notes search SELL", "1. sell the boat")
	asked := here.ask("/notes delete")
	if !strings.HasPrefix(asked.text, "1. sell the boat\n2. buy a boat\n\nWhich one") || len(asked.buttons) != 2 {
		w.t.Errorf("%+v", asked)
	}
	if got := here.answer(func() error { return here.press(0, asked.id, asked.buttons["2. buy a boat"]) }).text; got != "Deleted." {
		w.t.Errorf("%q", got)
	}
	there.want("/notes", "1. sell the boat")
	groups := w.groups()
	groups[0].want("/notes", "This works only in a private chat with me.")
	for n := 0; ; n++ { // until the quota is reached
		got := here.ask("/note " + strings.Repeat("x", 1990)).text
		if got == "Noted." && n < 100 {
			continue
		}
		if !strings.HasPrefix(got, "Your notes are full: I keep 64 kilobytes for you.") {
			w.t.Errorf("note %d: %q", n, got)
		}
		break
	}
	here.ask("/forget yes")
	there.want("/notes", nothing)
}

// TestCheckAndExplainKnowPrograms asks before and after there is the program that a route leads
// to, and where others are wrong.
func TestCheckAndExplainKnowPrograms(t *testing.T) {
	w := newWorld(t)
	refused := func(want ...string) {
		t.Helper()
		out, err := w.hub.Run(t.Context(), "check")
		if err == nil {
			t.Fatalf("check is content: %s", out)
		}
		for _, words := range want {
			if !strings.Contains(err.Error(), words) {
				t.Errorf("%v\n\nlacks %q", err, words)
			}
		}
	}
	refused(`route "outlook": there is no skill "weather"`)
	w.install("weather")
	if out := w.run("check"); !strings.Contains(out, "\nskill weather 1.0.0: "+filepath.Join(w.folder, "weather")+"\n") {
		t.Error(out)
	}
	envelope := filepath.Join(t.TempDir(), "envelope.json")
	write(t, envelope, `{"v": 1, "id": "e1", "kind": "message", "in": {"account": "telegram", "place": "private", "chat": "100"},
		"from": {"realm": "telegram", "id": "100"}, "native": "1", "addressed": true,
		"parts": [{"command": {"name": "weather", "args": "Linz"}}], "sent_at": "2026-01-02T03:04:05Z"}`, 0o600)
	if out := w.run("explain", envelope); !strings.Contains(out, "=> skill weather (rule (command)") {
		t.Error(out)
	}
	wrong := []string{"wrong", "open", "twice"} // the last is there before weather, which is the second then
	write(t, filepath.Join(w.folder, wrong[0]), "no program", 0o755)
	write(t, filepath.Join(w.folder, wrong[1]), "everybody's", 0o777)
	program, err := os.ReadFile(filepath.Join(w.folder, "weather"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(w.folder, wrong[2]), string(program), 0o755)
	refused(
		filepath.Join(w.folder, wrong[0])+": ",
		filepath.Join(w.folder, wrong[1])+": the file may not be started: everybody may change it (mode -rwxrwxrwx)",
		`there are two of this name`,
	)
	out := w.run("explain", envelope) // which a hub answers all the same
	for _, file := range []string{"wrong", "open", "weather"} {
		if !strings.Contains(out, "not taken: "+filepath.Join(w.folder, file)) {
			t.Errorf("%s is not told: %s", file, out)
		}
	}
	if !strings.Contains(out, "=> skill ") {
		t.Error(out)
	}
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// TestSigned has a hub that takes what a key has signed, and nothing else.
func TestSigned(t *testing.T) {
	w := newWorld(t)
	key := filepath.Join(t.TempDir(), "key.pem")
	out := w.run("skill", "key", key)
	signer := regexp.MustCompile(`skills\.allow\.signers: \["(.{44})"\]`).FindStringSubmatch(out)
	if signer == nil {
		t.Fatal(out)
	}
	if again := w.run("skill", "key", key); !strings.HasSuffix(out, again) {
		t.Errorf("%q, then %q", out, again)
	}
	w.install("weather")
	w.hub.SetEnv("PARLEY_SKILLS_ALLOW_SIGNERS="+signer[1], "GOFLAGS=")
	if out, err := w.hub.Run(t.Context(), "check"); err == nil || !strings.Contains(err.Error(), "nor has it a signature") {
		t.Errorf("%s %v", out, err)
	}
	if out := w.run("skill", "sign", "weather", "--key", key); out != fmt.Sprintf("%[1]s is signed: %[1]s.sig\n", filepath.Join(w.folder, "weather")) {
		t.Error(out)
	}
	w.start()
	w.offers("weather")
	// One that is there before it is signed is taken as soon as it is.
	if out := w.run("skill", "install", source(t, "poll")); !strings.Contains(out, "does not take it yet") {
		t.Error(out)
	}
	w.logged("a skill was not taken")
	w.run("skill", "sign", "poll", "--key", key)
	w.offers("poll")
}

// TestKilledHubLeavesNothing kills a hub with its programs, beside another that lives.
func TestKilledHubLeavesNothing(t *testing.T) {
	hubtest.Binary(t) // it stays where it is, whichever test is the first
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	one, other := newWorld(t), newWorld(t)
	for _, w := range []*world{one, other} {
		w.configure("skills: {", `skills: {mcp: [{name: mute, command: [sleep, "1000"]}], `)
		w.install("weather")
		w.start()
	}
	// A hub has one for skills and one for servers of tools.
	if got := left(t, temp); len(got) != 4 {
		t.Fatalf("two hubs have %q", got)
	}
	one.hub.Kill()
	if got := left(t, temp); len(got) != 4 {
		t.Errorf("a killed hub leaves %q", got)
	}
	one.start()
	if got := left(t, temp); len(got) != 4 {
		t.Errorf("after a new start there is %q", got)
	}
	for _, c := range append(one.private(), other.private()...) {
		c.want("/weather Atlantis", "I found no city called “Atlantis”.")
	}
	for _, w := range []*world{one, other} {
		if code := w.hub.Stop(); code != 0 {
			t.Errorf("exit code %d", code)
		}
	}
	if got := left(t, temp); len(got) != 0 {
		t.Errorf("at the end there is %q", got)
	}
}

// TestCheckKnowsServers has a route to a server of tools, which nobody asks for that.
func TestCheckKnowsServers(t *testing.T) {
	w := newWorld(t)
	w.install("weather")
	w.configure("{skill: weather}}]", `{skill: files}}]`)
	w.configure("skills: {", `skills: {mcp: [{name: files, url: "http://127.0.0.1:9/mcp"}], `)
	if out := w.run("check"); !strings.Contains(out, "skill weather 1.0.0") {
		t.Error(out)
	}
	w.configure("name: files", "name: weather")
	out, err := w.hub.Run(t.Context(), "check")
	if err == nil || !strings.Contains(err.Error(), `skills.mcp: skill "weather": there are two of this name`) {
		t.Errorf("%s %v", out, err)
	}
}
