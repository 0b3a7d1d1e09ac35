package redisc_test

import (
	"slices"
	"testing"
	"time"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/cluster/redisc"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/test/redistest"
)

// BenchmarkHandOver is how long after its holder's end another node has a lease, with the
// length that leases have in life: after a release, and after a death, for which the
// holder falls silent at an unlike moment between two beats each time. Run it with
// -benchtime 20x for the median and the worst of 20.
func BenchmarkHandOver(b *testing.B) {
	s := redistest.Start(b)
	for name, end := range map[string]func(*redisc.Engine, cluster.Lease) error{
		"release": func(_ *redisc.Engine, l cluster.Lease) error { return l.Release(b.Context()) },
		"death": func(e *redisc.Engine, _ cluster.Lease) error {
			e.Silence()
			return nil
		},
	} {
		b.Run(name, func(b *testing.B) {
			o := redisc.Options{URL: secret.New(s.URL()), Prefix: freshPrefix()}
			next := open(b, o)
			var took []time.Duration
			for i := 0; b.Loop(); i++ {
				holder := open(b, o)
				first, err := holder.Try(b.Context(), "one")
				if err != nil {
					b.Fatal(err)
				}
				standby, ended := make(chan struct{}, 1), make(chan time.Time, 1)
				go func() {
					<-standby
					time.Sleep(time.Duration(i%20) * 50 * time.Millisecond) // the moment between two beats
					if err := end(holder, first); err != nil {
						b.Error(err)
					}
					ended <- time.Now()
				}()
				second, err := cluster.Take(b.Context(), next, "one", cluster.Waiting{Standby: func(string) {
					select {
					case standby <- struct{}{}:
					default:
					}
				}})
				if err != nil {
					b.Fatal(err)
				}
				took = append(took, max(time.Since(<-ended), 0))
				if err := second.Release(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "median-ms")
			b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "worst-ms")
		})
	}
}
