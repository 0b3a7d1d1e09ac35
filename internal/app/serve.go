package app

import (
	"context"
	"errors"
	"time"

	"github.com/parley-hub/parley/internal/playground"
	"github.com/parley-hub/parley/internal/telemetry"
)

// playgroundPace lets a newcomer without a model see how an answer grows.
const playgroundPace = 40 * time.Millisecond

// Serve runs a hub until ctx ends. Without accounts in the configuration it runs in the
// playground: there a restart ends the hub and makes it anew from its data directory, at
// the same address, while the platforms around it live on.
func Serve(ctx context.Context, o Options) error {
	if len(o.Config.Channels) > 0 {
		a, err := New(ctx, o)
		if err != nil {
			return err
		}
		return a.Run(ctx)
	}
	log, err := telemetry.NewLogger(telemetry.LogOptions{Level: o.Config.Log.Level, Format: o.Config.Log.Format, Writer: o.Log})
	if err != nil {
		return err
	}
	world, err := playground.New(o.Config, log.With().Str("room", "playground").Logger())
	if err != nil {
		return err
	}
	o.playground, o.loaded = world, o.Config
	return behind(ctx, world.Run, func(ctx context.Context) error { return lives(ctx, o) })
}

// behind runs a world, and the hub in it: the hub ends before the world does, and with it
// when the world fails.
func behind(ctx context.Context, world, hub func(context.Context) error) error {
	worldCtx, endWorld := context.WithCancel(context.WithoutCancel(ctx))
	defer endWorld()
	hubCtx, endHub := context.WithCancel(ctx)
	defer endHub()
	ended := make(chan error, 1)
	go func() {
		defer endHub()
		ended <- world(worldCtx)
	}()
	err := hub(hubCtx)
	endWorld()
	return errors.Join(err, <-ended)
}

// lives runs one hub after the other until ctx ends.
func lives(ctx context.Context, o Options) error {
	for {
		again, err := life(ctx, &o)
		if !again || err != nil || ctx.Err() != nil {
			return err
		}
	}
}

// life runs one hub; again tells that it ended to be started anew. o keeps the address.
func life(ctx context.Context, o *Options) (again bool, err error) {
	cfg := *o.Config
	cfg.Channels = o.playground.Accounts()
	cfg.HTTP.PublicURL = "http://" + reachable(cfg.HTTP.Listen) // for the platforms of the playground
	o.Config = &cfg
	a, err := New(ctx, *o)
	if err != nil {
		return false, err
	}
	address, err := a.server.Listen(ctx)
	if err == nil {
		cfg.HTTP.Listen = address.String()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		select {
		case <-o.playground.Restarts():
			a.log.Info().Msg("somebody restarts the hub")
			again = true
			cancel()
		case <-ctx.Done():
		}
	}()
	err = a.Run(ctx)
	cancel()
	<-asked
	return again, err
}
