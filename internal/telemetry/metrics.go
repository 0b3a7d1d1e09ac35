package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// The most values a label takes. Accounts, skills, rules, pools and workers come
// from the configuration, stages and kinds from core.
const (
	maxStages   = 32
	maxKinds    = 16
	maxAccounts = 64
	maxSkills   = 64
	maxRules    = 64
	maxModels   = 64
	maxWorkers  = 128
	maxFamily   = 4096
	// maxPermissions is more than there are.
	maxPermissions = 16
	// maxTools bounds the tools, maxOutcomes is more than there are.
	maxTools    = 128
	maxOutcomes = 16
	// maxEvents is more than happen to a program.
	maxEvents = 16
)

// buckets reach from storing an envelope to a long answer, in seconds.
var buckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120}

type (
	stageKey struct {
		stage   core.Stage
		account core.Account
		kind    core.Kind
	}
	stageChild struct {
		total   prometheus.Counter
		seconds prometheus.Observer
	}
	faultKey struct {
		stage core.Stage
		class fault.Class
	}
	modelKey struct{ model, worker string }
	turnKey  struct{ skill, rule string }
	denyKey  struct{ skill, permission string }
	progKey  struct{ name, event string }
	toolKey  struct{ skill, tool, outcome string }
)

// metrics are what events are counted in.
type metrics struct {
	stages *family[stageKey, stageChild]
	faults *family[faultKey, prometheus.Counter]
	models *family[modelKey, prometheus.Observer]
	turns  *family[turnKey, prometheus.Counter]
	skills *family[string, prometheus.Observer]
	unsure *family[core.Account, prometheus.Counter]
	failed *family[WorkerFault, prometheus.Counter]
	first  *family[poolWorker, prometheus.Observer]
	denied *family[denyKey, prometheus.Counter]
	// tools are what models called, limits what ended that.
	tools  *family[toolKey, prometheus.Counter]
	limits *family[string, prometheus.Counter]
	// plugins are what happened to the programs of skills.
	plugins *family[progKey, prometheus.Counter]
	// servers are what happened to MCP servers.
	servers *family[progKey, prometheus.Counter]
}

func newMetrics(reg prometheus.Registerer, known []core.Account) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		reg.MustRegister(v)
		return v
	}
	histogram := func(name, help string, labels ...string) *prometheus.HistogramVec {
		v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
		reg.MustRegister(v)
		return v
	}
	stage, kind, account := newLabel(maxStages), newLabel(maxKinds), newLabel(maxAccounts)
	skill, rule := newLabel(maxSkills), newLabel(maxRules)
	model, worker := newLabel(maxModels), newLabel(maxWorkers)

	stageTotal := counter("parley_stage_total",
		"Steps that messages made, by stage of their life.", "stage", "account", "kind")
	stageSeconds := histogram("parley_stage_seconds",
		"How long a step took; for taken the wait in the inbox, for delivered the time since the commit.", "stage", "account")
	faults := counter("parley_faults_total",
		"Steps that failed, by the class of the failure.", "stage", "class")
	modelSeconds := histogram("parley_model_seconds",
		"How long a model worker took for a whole answer.", "model", "worker")
	turns := counter("parley_turns_total",
		"Turns handed to a skill, by the rule that chose it; a turn that is run again counts again.", "skill", "rule")
	skillSeconds := histogram("parley_skill_seconds",
		"How long a skill took for a turn, the model's time counted in.", "skill")
	unsure := counter("parley_sends_unsure_total",
		"Messages sent once more because nobody knew whether the platform had them: people may have seen them twice.", "account")

	m := &metrics{
		stages: newFamily(maxFamily, func(k stageKey) stageChild {
			s, a := stage.value(string(k.stage)), account.value(string(k.account))
			return stageChild{
				total:   stageTotal.WithLabelValues(s, a, kind.value(string(k.kind))),
				seconds: stageSeconds.WithLabelValues(s, a),
			}
		}),
		faults: newFamily(maxFamily, func(k faultKey) prometheus.Counter {
			return faults.WithLabelValues(stage.value(string(k.stage)), k.class.String())
		}),
		models: newFamily(maxFamily, func(k modelKey) prometheus.Observer {
			return modelSeconds.WithLabelValues(model.value(k.model), worker.value(k.worker))
		}),
		turns: newFamily(maxFamily, func(k turnKey) prometheus.Counter {
			return turns.WithLabelValues(skill.value(k.skill), rule.value(k.rule))
		}),
		skills: newFamily(maxFamily, func(k string) prometheus.Observer {
			return skillSeconds.WithLabelValues(skill.value(k))
		}),
		unsure: newFamily(maxFamily, func(k core.Account) prometheus.Counter {
			return unsure.WithLabelValues(account.value(string(k)))
		}),
		failed: workerFaults(counter),
		first:  firstContents(histogram),
	}
	m.watchSkills(counter, skill)
	for _, a := range known {
		m.unsure.get(a) // stands at 0 from the start, so that the first one is seen as a rise
	}
	return m
}

// watchSkills counts what skills may not do, and what becomes of their programs.
func (m *metrics) watchSkills(counter func(name, help string, labels ...string) *prometheus.CounterVec, skill *label) {
	m.denied = newDenied(counter("parley_skill_denied_total",
		"What skills wanted and their manifests do not allow.", "skill", "permission"), skill)
	m.tools = newTools(counter("parley_tool_calls_total",
		"Tools that models asked for: done, failed, unknown, invalid, refused, withheld.", "skill", "tool", "outcome"), skill)
	limit, limits := newLabel(maxOutcomes), counter("parley_tool_limits_total",
		"Turns in which a model might call nothing more: steps, calls, time, repeat, unreadable, room.", "limit")
	m.limits = newFamily(maxFamily, func(k string) prometheus.Counter { return limits.WithLabelValues(limit.value(k)) })
	m.plugins = newPrograms(counter("parley_plugin_events_total",
		"What happened to the programs of skills: started, crashed, hung, overfull, flooded, dropped, refused, gave_up; to a SKILL.md: taken, refused.", "plugin", "event"))
	m.servers = newPrograms(counter("parley_mcp_events_total",
		"What happened to MCP servers: connected, failed, lost, hung, flooded, changed, refused, asked.", "server", "event"))
}

// newDenied counts refusals.
func newDenied(v *prometheus.CounterVec, skill *label) *family[denyKey, prometheus.Counter] {
	permission := newLabel(maxPermissions)
	return newFamily(maxFamily, func(k denyKey) prometheus.Counter {
		return v.WithLabelValues(skill.value(k.skill), permission.value(k.permission))
	})
}

// newTools counts what models called.
func newTools(v *prometheus.CounterVec, skill *label) *family[toolKey, prometheus.Counter] {
	tool, outcome := newLabel(maxTools), newLabel(maxOutcomes)
	return newFamily(maxFamily, func(k toolKey) prometheus.Counter {
		return v.WithLabelValues(skill.value(k.skill), tool.value(k.tool), outcome.value(k.outcome))
	})
}

// newPrograms counts what happened to programs, and to servers.
func newPrograms(v *prometheus.CounterVec) *family[progKey, prometheus.Counter] {
	name, event := newLabel(maxSkills), newLabel(maxEvents)
	return newFamily(maxFamily, func(k progKey) prometheus.Counter {
		return v.WithLabelValues(name.value(k.name), event.value(k.event))
	})
}

func (m *metrics) observe(e core.Event) {
	c := m.stages.get(stageKey{e.Stage, e.Account, e.Kind})
	c.total.Inc()
	if e.Took > 0 {
		c.seconds.Observe(seconds(e.Took))
	}
	if e.Err != nil {
		m.faults.get(faultKey{e.Stage, fault.ClassOf(e.Err)}).Inc()
	}
	switch e.Stage {
	case core.StageRouted:
		m.turns.get(turnKey{e.Skill, e.Rule}).Inc()
	case core.StageSkill:
		m.skills.get(e.Skill).Observe(seconds(e.Took))
	case core.StageTool:
		m.tools.get(toolKey{e.Skill, e.Tool, e.Outcome}).Inc()
		if e.Took > 0 {
			m.skills.get(e.Skill).Observe(seconds(e.Took))
		}
	case core.StageToolLimit:
		m.limits.get(e.Outcome).Inc()
	case core.StageDenied:
		m.denied.get(denyKey{e.Skill, e.Permission}).Inc()
	case core.StageModel:
		m.models.get(modelKey{e.Model, e.Worker}).Observe(seconds(e.Took))
	case core.StageUnsure:
		m.unsure.get(e.Account).Inc()
	}
}

func seconds(d time.Duration) float64 { return max(0, d.Seconds()) }
