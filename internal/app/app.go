package app

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/internal/console"
	"github.com/parley-hub/parley/internal/httpserver"
	"github.com/parley-hub/parley/internal/playground"
	"github.com/parley-hub/parley/internal/telemetry"
	"github.com/parley-hub/parley/internal/tools"
	"github.com/parley-hub/parley/internal/world"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/cache"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/router"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/mcp"
	"github.com/parley-hub/parley/skills/plugin"
	"github.com/parley-hub/parley/skills/prompts"
)

// Options make an App.
type Options struct {
	Config *configs.Config
	// File is where the configuration came from; empty for none.
	File    string
	Version string
	// Log is where the log goes.
	Log io.Writer
	// Reload reads the configuration anew, as configs.Load does; nil where it came from no
	// file. It is called for a signal of Hangup, and when an operator orders it.
	Reload func() (*configs.Config, []configs.Warning, error)
	Hangup <-chan os.Signal

	// loaded is Config as it was loaded; the playground changes it.
	loaded *configs.Config
	// playground is the world around the hub; nil for the real one.
	playground *playground.Playground
	// skills are further ones, for tests, and command starts programs, in a jail when it is
	// nil.
	skills  []skills.Skill
	command plugin.Command
}

// App is one hub process.
type App struct {
	o         Options
	cfg       *configs.Config
	log       zerolog.Logger
	started   time.Time
	telemetry *telemetry.Recorder
	// observer sees what becomes of messages: telemetry, and the playground.
	observer core.Observer

	*stores
	people *persons
	usage  *usages
	// generations make answers that are kept unknown, on all nodes.
	generations *cache.Generations
	// topic is how nodes tell each other of drafts, nil for a node alone; lanes tell where
	// replies wait. Both are known before anything runs.
	topic adapters.Topic
	lanes queue.Lanes

	pools   *poolset
	control control
	// workers is what model workers are reached with.
	workers *http.Client
	// running is the configuration that holds: cfg with the models of now.
	running atomic.Pointer[configs.Config]
	loads   *loads
	// registry has what answers people, programs the pools alone, which answer programs.
	registry, programs *models.Registry
	set                atomic.Pointer[skills.Set]
	outside            *outside
	folder             *plugin.Folder  // nil without a folder of programs
	instructions       *prompts.Folder // the same for instructions
	servers            *mcp.Servers    // nil without MCP servers
	meanings           *meanings
	world              *world.Provider
	tools              *tools.Provider
	adapters           map[core.Account]adapters.Adapter
	supervised         map[core.Account]*adapters.Supervisor
	// single lets one node at a time do what must be single, by the leases that singles
	// has; both nil for a hub alone. nodes are those that this one saw last.
	single  adapters.Single
	singles *cluster.Singles
	nodes   nodes
	// address is where the HTTP server listens.
	address    string
	intake     *gate
	stopping   atomic.Bool
	dispatcher *router.Dispatcher
	deliverer  *adapters.Deliverer
	server     *httpserver.Server
}

// New puts a hub together and opens what it stores in. Nothing runs before Run;
// Run also closes what New opened.
func New(ctx context.Context, o Options) (*App, error) {
	a := &App{
		o: o, cfg: o.Config, started: time.Now(),
		adapters: map[core.Account]adapters.Adapter{}, supervised: map[core.Account]*adapters.Supervisor{},
	}
	if o.command == nil {
		a.o.command = jailed(o.Config.Skills.Limits).start
	}
	if o.loaded == nil {
		a.o.loaded = o.Config
	}
	a.running.Store(o.Config)
	var err error
	a.log, err = telemetry.NewLogger(telemetry.LogOptions{Level: o.Config.Log.Level, Format: o.Config.Log.Format, Writer: o.Log})
	if err != nil {
		return nil, err
	}
	if err := a.build(ctx); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

// build makes the rooms from the ground up.
func (a *App) build(ctx context.Context) error {
	a.telemetry = telemetry.New(telemetry.Options{Version: a.o.Version, Accounts: a.accounts()})
	a.observer = a.telemetry
	if world := a.o.playground; world != nil {
		a.observer = core.ObserverFunc(func(e core.Event) {
			a.telemetry.Observe(e)
			world.Observe(e)
		})
	}
	for _, step := range []func(context.Context) error{a.open, a.makeModels, a.makeBrain, a.makeAdapters, a.makeServer} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (a *App) accounts() []core.Account {
	out := make([]core.Account, 0, len(a.cfg.Channels))
	for name := range a.cfg.Channels {
		out = append(out, name)
	}
	return out
}

func (a *App) open(ctx context.Context) error {
	var err error
	if a.stores, err = openPatiently(ctx, a.cfg, a.log); err != nil {
		return err
	}
	if a.people, err = newPersons(ctx, a.stores, a.cfg.Memories(), letterBoxes(a.cfg)); err != nil {
		return err
	}
	a.joinCluster()
	a.keepAnswers()
	a.usage = newUsages(a.cfg.Models, a.records, a.cfg.Shutdown/10, a.room("usage"))
	return a.telemetry.WatchUsage(a.usage.state)
}

func (a *App) makeAdapters(context.Context) error {
	byPlatform := map[string]adapters.Factory{}
	for _, f := range Factories() {
		byPlatform[f.Platform()] = f
	}
	for name, channel := range a.cfg.Channels {
		log := a.room("adapter")
		adapter, err := byPlatform[channel.Platform].New(adapters.Settings{
			Account: name, Config: channel.Config, PublicURL: webhookURL(a.cfg, name), StateDir: a.cfg.DataDir,
			Database: a.cfg.Postgres.URL, Sent: a.sentBy(name), Blobs: a.blobs, Memory: a.memory,
			Observer: a.observer, Log: log.With().Str("account", string(name)).Logger(),
		})
		if err != nil {
			return err
		}
		a.adapters[name] = adapter
		a.supervised[name] = adapters.NewSupervisor(adapters.SupervisorOptions{
			Adapter: adapter, Inbox: a.intake, Log: log, Single: a.single, Serve: a.serves(adapter),
		})
	}
	if a.topic != nil {
		a.lanes = lanesOf(a.adapters)
	}
	a.deliverer = adapters.NewDeliverer(adapters.DelivererOptions{
		Queue: a.queue, Topic: a.topic, Lanes: a.lanes, Sent: a.sent, Limiter: a.limiter(), Adapters: a.adapters, Ledger: ledger{}.said,
		Observer: a.observer, Log: a.room("deliverer"),
		Slots: a.cfg.Delivery.Parallel, Grace: a.cfg.Shutdown / 10,
	})
	return nil
}

// webhookURL is where a platform reaches the account; empty without a public address.
func webhookURL(cfg *configs.Config, name core.Account) string {
	if cfg.HTTP.PublicURL == "" {
		return ""
	}
	return strings.TrimRight(cfg.HTTP.PublicURL, "/") + "/webhooks/" + string(name)
}

func (a *App) makeServer(ctx context.Context) error {
	pages, err := a.makePages()
	if err != nil {
		return err
	}
	programs, err := a.makeMCP()
	if err != nil {
		return err
	}
	webhooks := map[string]http.Handler{}
	for name, adapter := range a.adapters {
		if w, ok := adapter.(adapters.Webhooker); ok {
			webhooks[string(name)] = w.Webhook(a.intake)
		}
	}
	a.server = httpserver.New(httpserver.Options{
		Listen: a.cfg.HTTP.Listen, MaxBody: int64(a.cfg.HTTP.MaxBody), Drain: a.cfg.Shutdown / 10, Log: a.room("http"),
		Ready: a.ready, Calls: a.takesCalls, Notes: a.notes, Metrics: a.telemetry.Handler(), Webhooks: webhooks, API: a.makeAPI(), MCP: programs, Console: pages,
	})
	address, err := a.server.Listen(ctx)
	if err != nil {
		return err
	}
	a.address = address.String()
	if a.o.playground != nil {
		a.o.playground.Hub("http://" + reachable(address.String()))
	}
	return a.telemetry.Watch(telemetry.Sources{
		Boxes: a.boxes(), Queue: a.queue.Stats, Accounts: a.accountStates, Workers: a.workerStates, Nodes: a.nodeStates,
	})
}

// makePages makes the console. It has no login, so it is there only for who sits
// at this machine: nil when the hub listens for others.
func (a *App) makePages() (http.Handler, error) {
	if !loopback(a.cfg.HTTP.Listen) {
		a.log.Info().Msg("the pages are left out: they have no login, and the hub does not listen on a loopback address")
		return nil, nil
	}
	options := console.Options{Status: a.overview, Journeys: journeys{a.telemetry.Journeys()}, Log: a.room("console")}
	if a.o.playground != nil {
		options.Playground = a.o.playground
	}
	pages, err := console.New(options)
	if err != nil {
		return nil, fault.New(fault.Bug, "console", err)
	}
	return pages, nil
}

// reachable is how this machine itself calls an address that is listened on.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return listen
}

// loopback tells whether only this machine can reach an address.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// Run runs the hub until ctx ends, then drains it; nil when all work was finished
// or handed back inside the configured bound.
func (a *App) Run(ctx context.Context) error {
	defer a.close()
	stages := []stage{
		{"http server", a.server.Run},
		{"records", a.keepRecords},
		{"files", a.sweepBlobs},
		{"archive", a.putAway},
		{"deliverer", a.deliverer.Run},
		{"outbox", a.emptyOutbox},
		{"nodes", a.attend},
		{"usage", a.usage.run},
		{"model pools", a.pools.run},
		{"orders", a.orders},
		{"seasons", newSeasons(a.cfg.DataDir, a.pools.signals, a.room("models")).run},
	}
	if a.loads != nil {
		stages = append(stages, stage{"model loads", a.loads.run})
	}
	stages = append(stages, stage{"intents", a.meanings.weigher.Run})
	if a.folder != nil {
		stages = append(stages, stage{"skills' folder", a.folder.Run}, stage{"skills' instructions", a.instructions.Run})
	}
	if a.servers != nil {
		stages = append(stages, stage{"MCP servers", a.servers.Run})
	}
	stages = append(stages, stage{"dispatcher", a.dispatcher.Run}, stage{"menus", a.keepMenus}, stage{"adapters", a.receive})
	a.arrive(ctx)
	a.greet(ctx)
	return runStages(ctx, a.log, a.cfg.Shutdown, stages)
}

// receive runs all supervisors. While they stop, a hub alone accepts nothing new. One of
// several nodes says that it is not ready, and goes on accepting what comes all the same
// until its server ends: the others answer it.
func (a *App) receive(ctx context.Context) error {
	group := newGroup(ctx)
	context.AfterFunc(ctx, func() {
		a.stopping.Store(true)
		if a.cluster == nil {
			a.intake.shut()
		}
	})
	for _, s := range a.supervised {
		group.run(s.Run)
	}
	return group.wait()
}

// close ends what New opened; safe on a half-built hub.
func (a *App) close() {
	if a.pools != nil {
		a.pools.close()
	}
	if a.stores != nil {
		if err := a.stores.close(); err != nil {
			a.log.Error().Err(err).Msg("closing the stores")
		}
	}
}

func (a *App) room(name string) zerolog.Logger { return a.log.With().Str("room", name).Logger() }

// drafts passes drafts on to the deliverer, which is made after the dispatcher.
type drafts struct{ a *App }

func (d drafts) Drafted(id core.ReplyID) bool { return d.a.deliverer.Drafted(id) }

func (d drafts) Draft(r core.Reply, turn queue.Lease) { d.a.deliverer.Draft(r, turn) }
func (d drafts) SettleDraft(ctx context.Context, id core.ReplyID, turn queue.Token) {
	d.a.deliverer.SettleDraft(ctx, id, turn)
}
func (d drafts) StopDraft(ctx context.Context, id core.ReplyID, turn queue.Token) {
	d.a.deliverer.StopDraft(ctx, id, turn)
}

// greet tells the operator where to look first.
func (a *App) greet(ctx context.Context) {
	address, err := a.server.Listen(ctx)
	if err != nil {
		return // Run will say it
	}
	e := a.log.Info().Str("version", a.o.Version).Stringer("address", address).Str("data", a.cfg.DataDir).Int("channels", len(a.cfg.Channels))
	if a.o.File != "" {
		e.Str("config", a.o.File)
	}
	if loopback(a.cfg.HTTP.Listen) {
		e.Str("page", "http://"+address.String()+"/")
	}
	if a.o.playground == nil {
		e.Msg("parley is up")
		return
	}
	e.Msg("parley is up with the playground: open the page")
}
