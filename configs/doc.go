// Package configs loads the hub's configuration: it reads the YAML file, lays it
// over the defaults, lets the environment override it, and validates the whole.
//
// Nothing starts on a configuration with a problem, and all problems are reported
// together, each with its path ("channels.telegram.mode"), where it stands, and
// what would be right. Unknown and repeated keys are problems. No problem's text
// ever quotes a value: a token that was pasted into the wrong line must not end
// up in a log.
//
// Each scalar key, and each list of scalars (separated by commas), can be set by
// an environment variable named PARLEY_ and the key's path in upper case joined
// by underscores; list elements are counted from 0:
//
//	PARLEY_HTTP_LISTEN=0.0.0.0:8080
//	PARLEY_CHANNELS_TELEGRAM_TOKEN=file:/run/secrets/telegram
//	PARLEY_MODELS_POOLS_CHAT_WORKERS_0_URL=http://gpu-1:8000
//
// A variable that is empty counts as not set. A variable that fits no key is a
// warning only, since Kubernetes makes such variables for a service of our name.
//
// The files beside this package are the reference (parley.yaml, every key with
// its default) and small working examples.
package configs
