package redisq

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/queue"
)

// TestFormat fails when a script changes: a node with the scripts before may run
// beside one with these. Where they cannot work on the same store, format must grow;
// else only the sum below does.
func TestFormat(t *testing.T) {
	const known = "1 9819a1454b5c27dc"
	sum := sha256.New()
	for _, name := range []string{"open", "claim", "publish", "take", "load", "beat", "note", "release", "commit", "receive", "trim", "stats", "letters", "replay", "drop", "common"} {
		sum.Write([]byte(stripped(source(name))))
	}
	if got := format + " " + hex.EncodeToString(sum.Sum(nil)[:8]); got != known {
		t.Errorf("format and scripts are %q, were %q", got, known)
	}
}

// TestKeysAreDeclared reads the scripts: what they call a command on is one of KEYS,
// or a name that was given one, never one that was put together.
func TestKeysAreDeclared(t *testing.T) {
	calls := regexp.MustCompile(`call\(([^,)]+)(?:, ([^,)]+))?`)
	declared := regexp.MustCompile(`^(KEYS\[[^.]+\]|b\.(ready|wait|lease|age|wake)|meta|m|items|fields|log)$`)
	files, err := sources.ReadDir("lua")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, f := range files {
		for _, call := range calls.FindAllStringSubmatch(stripped(source(strings.TrimSuffix(f.Name(), ".lua"))), -1) {
			found++
			if call[1] != "'TIME'" && !declared.MatchString(call[2]) {
				t.Errorf("%s: %s on %q", f.Name(), call[1], call[2])
			}
		}
	}
	if found < 80 {
		t.Errorf("only %d calls found", found)
	}
}

func TestSlots(t *testing.T) {
	// CRC-16/XMODEM of this text is 0x31C3.
	if got := slotOf("123456789"); got != 0x31C3%slots {
		t.Errorf("slot %d", got)
	}
	for n := 1; n <= maxShards; n++ {
		tags := map[string]bool{}
		for i, s := range makeShards("p", n) {
			tag := s.at[strings.Index(s.at, "{")+1 : strings.Index(s.at, "}")]
			if got := slotOf(tag) * n / slots; got != i || tags[tag] {
				t.Fatalf("shard %d of %d has tag %s in part %d", i, n, tag, got)
			}
			tags[tag] = true
		}
	}
}

func drawKey(t *rapid.T) queue.Key {
	part := func(name string) string { return rapid.StringN(0, 12, -1).Draw(t, name) }
	return queue.Key{Box: queue.Box(part("box")), Scope: part("scope"), Account: core.Account(part("account")), Owner: part("owner"), Thread: part("thread")}
}

func TestWireRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key, other := drawKey(t), drawKey(t)
		got, err := decodeKey(encodeKey(key))
		if err != nil || got != key {
			t.Fatalf("%+v became %+v, %v", key, got, err)
		}
		if key != other && encodeKey(key) == encodeKey(other) {
			t.Fatalf("%+v and %+v look the same", key, other)
		}
		in := queue.Item{ID: rapid.StringN(1, 9, -1).Draw(t, "id"), Body: []byte(rapid.String().Draw(t, "body")), Settle: time.Duration(rapid.Int64Range(0, 1e6).Draw(t, "settle")) * time.Microsecond}
		back, at, err := decodeItem("1700000000000001," + payload(in))
		if diff := cmp.Diff(in, back); diff != "" || err != nil || at.UnixMicro() != 1700000000000001 {
			t.Fatalf("%v %v (-want +got):\n%s", at, err, diff)
		}
	})
}

func FuzzDecode(f *testing.F) {
	item := "1700000000000001," + payload(queue.Item{ID: "id", Body: []byte("body")})
	key := encodeKey(queue.Key{Box: "b", Owner: "o"})
	for _, seed := range []string{item, key, "1,2,10,2," + key + "no" + item, "5,10,0," + key + "0,1,i", "", ",,,", "9,9,9,9,", "1:"} {
		f.Add(seed)
	}
	e := &Engine{o: Options{place: byDigest}, shards: makeShards("p", 3)}
	f.Fuzz(func(t *testing.T, s string) {
		if k, err := decodeKey(s); err == nil {
			if again, err := decodeKey(encodeKey(k)); err != nil || again != k {
				t.Errorf("%+v becomes %+v, %v", k, again, err)
			}
		}
		_, _, _ = decodeItem(s)
		_, _ = decodeLetter(1, s)
		_, _ = e.decodeParcel(s)
	})
}
