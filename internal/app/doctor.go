package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/internal/datadir"
	"github.com/parley-hub/parley/internal/postgres"
	"github.com/parley-hub/parley/internal/redisconn"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/openaichat"
)

const (
	// examineWithin bounds the look at one part.
	examineWithin = 5 * time.Second
	// skewAllowed is how far the clocks of two machines may be apart.
	skewAllowed = 2 * time.Second
	// diskWanted is the free space below which is warned.
	diskWanted = 1 << 30
)

// ErrUnwell is what Diagnose returns when a part would keep the hub from its work.
var ErrUnwell = errors.New("something needs a human")

// doctor writes down what it finds.
type doctor struct {
	out  io.Writer
	cfg  *configs.Config
	sick bool
	err  error
}

// Diagnose looks at everything that the hub stands on and says what is well, what is not,
// and what a crash could lose. It changes nothing and works beside a running hub.
func Diagnose(ctx context.Context, out io.Writer, cfg *configs.Config) error {
	d := &doctor{out: out, cfg: cfg}
	for _, part := range []func(context.Context){d.folder, d.redis, d.records, d.files, d.workers} {
		within, cancel := context.WithTimeout(ctx, examineWithin)
		part(within)
		cancel()
	}
	if d.err == nil && d.sick {
		return ErrUnwell
	}
	return d.err
}

func (d *doctor) say(part, state, format string, args ...any) {
	if _, err := fmt.Fprintf(d.out, "%-9s %-7s %s\n", part, state, fmt.Sprintf(format, args...)); d.err == nil {
		d.err = err
	}
}

func (d *doctor) well(part, format string, args ...any) { d.say(part, "ok", format, args...) }
func (d *doctor) note(part, format string, args ...any) { d.say(part, "note", format, args...) }
func (d *doctor) warn(part, format string, args ...any) { d.say(part, "warning", format, args...) }

func (d *doctor) ill(part string, err error) {
	d.sick = true
	text := fault.Public(err)
	if text == "" {
		text = err.Error()
	}
	d.say(part, "FAILS", "%s", text)
}

// folder looks at the data folder and the disk under it.
func (d *doctor) folder(context.Context) {
	if _, err := os.Stat(d.cfg.DataDir); errors.Is(err, os.ErrNotExist) {
		d.note("data", "%s is not there yet; the hub makes it", d.cfg.DataDir)
		return
	}
	lock, err := datadir.Lock(d.cfg.DataDir)
	switch {
	case errors.Is(err, datadir.ErrLocked):
		d.well("data", "%s is in use by a hub that runs", d.cfg.DataDir)
	case err != nil:
		d.ill("data", err)
		return
	default:
		if err := lock.Close(); err != nil {
			d.ill("data", err)
			return
		}
		d.well("data", "%s can be written", d.cfg.DataDir)
	}
	var disk syscall.Statfs_t
	if err := syscall.Statfs(d.cfg.DataDir, &disk); err == nil {
		if free := disk.Bavail * uint64(disk.Bsize); free < diskWanted {
			d.warn("data", "%d MB are free on its disk; a full disk keeps messages with the platforms until there is room", free>>20)
		}
	}
}

// redis looks at the servers of the mailboxes.
func (d *doctor) redis(ctx context.Context) {
	r := d.cfg.Redis
	if r.URL.IsZero() {
		d.well("mailboxes", "in the data folder, synced before a platform is told: neither a crash nor a loss of power loses what was accepted")
		return
	}
	certificates, err := r.TLS()
	if err != nil {
		d.ill("mailboxes", err)
		return
	}
	client, err := redisconn.New(redisconn.Options{
		URL: r.URL, SentinelUser: r.SentinelUser, SentinelPassword: r.SentinelPassword, TLS: certificates, Timeout: examineWithin / 2,
	})
	if err != nil {
		d.ill("mailboxes", err)
		return
	}
	servers, err := client.Examine(ctx)
	if err = errors.Join(err, client.Close()); err != nil {
		d.ill("mailboxes", err)
		return
	}
	for _, s := range servers {
		d.well("mailboxes", "Redis %s at %s, %d replicas", s.Version, s.Address, s.Replicas)
		if s.Ahead.Abs() > skewAllowed {
			d.warn("mailboxes", "its clock is %v ahead of this machine's; the hub goes by the clock of Redis, and times in the log will not fit", s.Ahead.Round(time.Millisecond))
		}
		d.losses(s)
	}
}

// losses says what a crash of the server could lose with its present settings.
func (d *doctor) losses(s redisconn.Server) {
	switch {
	case !s.AppendOnly:
		d.warn("mailboxes", "when its process dies, all is lost that was accepted since its last snapshot: set appendonly yes")
	case s.Fsync == "always":
		d.note("mailboxes", "neither the death of its process nor a loss of power loses anything (appendfsync always)")
	case s.Fsync == "no":
		d.warn("mailboxes", "the death of its process loses nothing, a loss of power as much as the system had not written yet (appendfsync no)")
	case s.Fsync == "everysec":
		d.note("mailboxes", "the death of its process loses nothing, a loss of power up to two seconds (appendfsync everysec); always loses nothing")
	default:
		d.note("mailboxes", "how it syncs its file cannot be seen by this user (CONFIG GET appendfsync)")
	}
	if s.AppendOnly && s.LoadsTruncated {
		d.warn("mailboxes", "its file may end with half a step when it is killed in the middle of a write, which it does together with the next step once it is started a second time: set aof-load-truncated no and run redis-check-aof --fix before it starts")
	}
	switch want := d.cfg.Redis.Replicas; {
	case want > s.Replicas:
		d.sick = true
		d.say("mailboxes", "FAILS", "redis.replicas is %d and %d follow: nothing is accepted before more do", want, s.Replicas)
	case want > 0:
		d.note("mailboxes", "a failover loses nothing that was accepted: %d replicas have it before a platform is told (redis.replicas)", want)
	case s.Replicas > 0:
		d.warn("mailboxes", "a failover loses what was accepted and had not reached the replica yet: set redis.replicas to 1")
	default:
		d.note("mailboxes", "nobody takes over when it dies: it has no replica")
	}
}

// records looks at the database of people and transcripts.
func (d *doctor) records(ctx context.Context) {
	p := d.cfg.Postgres
	switch {
	case !p.URL.IsZero():
		db, err := postgres.Open(ctx, postgres.Options{URL: p.URL, Connections: 1})
		if err == nil {
			err = postgres.Fault("open records", db.Close())
		}
		if err != nil {
			d.ill("records", err)
			return
		}
		d.well("records", "PostgreSQL takes writes")
	case d.cfg.Redis.URL.IsZero():
		d.well("records", "in the data folder")
	default:
		d.note("records", "in this node's data folder: for more than one node set postgres.url")
	}
}

// files looks at the place of pictures, voice notes and other files.
func (d *doctor) files(ctx context.Context) {
	s3 := d.cfg.Media.S3
	switch {
	case s3.Endpoint != "":
		store, err := newBucket(s3)
		if err == nil {
			err = store.Check(ctx)
		}
		if err != nil {
			d.ill("files", err)
			return
		}
		d.well("files", "in the bucket %s", s3.Bucket)
	case d.cfg.Redis.URL.IsZero():
		d.well("files", "in the data folder")
	default:
		d.warn("files", "in this node's data folder: another node cannot send what was made here; with several nodes set media.s3")
	}
}

// workers asks each model worker whether it is there.
func (d *doctor) workers(ctx context.Context) {
	if len(d.cfg.Models.Pools) == 0 {
		d.note("models", "no pool is configured: the offline model answers, unless a worker does at one of the usual local addresses")
	}
	client := &http.Client{Transport: workerTransport()}
	defer client.CloseIdleConnections()
	for _, name := range slices.Sorted(maps.Keys(d.cfg.Models.Pools)) {
		for _, v := range d.cfg.Models.Pools[name].All() {
			for _, w := range v.Workers {
				d.worker(ctx, client, name, w)
			}
		}
	}
}

func (d *doctor) worker(ctx context.Context, client *http.Client, pool string, w models.WorkerConfig) {
	c, err := openaichat.New(openaichat.Options{Base: w.URL, Key: w.APIKey, HTTP: client, Worker: w.Name()})
	if err == nil {
		err = c.Probe(ctx)
	}
	if err != nil {
		d.ill("models", err)
		return
	}
	d.well("models", "pool %s: %s answers", pool, w.Name())
}
