package configs

import (
	"time"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/session"
)

// Config is the whole configuration, valid when it came from Load.
type Config struct {
	HTTP HTTP `yaml:"http"`
	// DataDir is the folder of everything the hub stores.
	DataDir string `yaml:"data_dir"`
	// Channels are the bot accounts by name.
	Channels map[core.Account]Channel `yaml:"channels"`
	Access   Access                   `yaml:"access"`
	// Models are the pools of model workers; without one the offline model answers.
	Models models.Config `yaml:"models"`
	API    API           `yaml:"api"`
	// Routes choose who answers; the first that matches wins.
	Routes  []Route `yaml:"routes"`
	Session Session `yaml:"session"`
	Skills  Skills  `yaml:"skills"`
	// Collect is how long a chat's waiting messages are merged behind a running
	// turn; 0 answers each on its own.
	Collect time.Duration `yaml:"collect"`
	Queue   Queue         `yaml:"queue"`
	// Redis and Postgres are where several nodes keep what they share; without them
	// everything is in DataDir.
	Redis    Redis    `yaml:"redis"`
	Postgres Postgres `yaml:"postgres"`
	Node     Node     `yaml:"node"`
	Media    Media    `yaml:"media"`
	Delivery Delivery `yaml:"delivery"`
	Log      Log      `yaml:"log"`
	// Shutdown is how long the hub may take to finish what it began.
	Shutdown time.Duration `yaml:"shutdown"`
}

// HTTP is the hub's own server: webhooks, console, health, metrics.
type HTTP struct {
	// Listen is host:port; without a host all interfaces are meant.
	Listen string `yaml:"listen"`
	// PublicURL is where platforms reach Listen from outside; empty for nowhere.
	PublicURL string `yaml:"public_url"`
	// MaxBody bounds what is read of one request.
	MaxBody Bytes `yaml:"max_body"`
}

// Channel is one bot account.
type Channel struct {
	// Platform names the adapter; the account's name when the file leaves it out.
	Platform string
	// Scope says whose memory a private chat of this account is; empty for what
	// Session.Scope says.
	Scope session.Scope
	// Config is the platform's own section, filled and valid. Its type is what the
	// platform's factory gives as Defaults.
	Config adapters.Config
}

// DM says who may write to the bot in private.
type DM string

// The policies for private chats.
const (
	DMOpen   DM = "open"
	DMClosed DM = "closed"
	// DMListed lets only those in Access.Allow and Access.Admins.
	DMListed DM = "listed"
)

// Groups says which messages of a group the bot answers.
type Groups string

// The policies for groups.
const (
	// GroupsAddressed answers when the bot is mentioned, commanded or replied to.
	GroupsAddressed Groups = "addressed"
	GroupsAll       Groups = "all"
	GroupsOff       Groups = "off"
)

// Access says who may use the bot.
type Access struct {
	DM     DM       `yaml:"dm"`
	Groups Groups   `yaml:"groups"`
	Allow  []Person `yaml:"allow"`
	Admins []Person `yaml:"admins"`
}

// Route is a rule that chooses who answers.
type Route struct {
	// Name is shown by explain and kept in the records; Load names a nameless
	// route by its place, "route-1".
	Name string `yaml:"name"`
	When When   `yaml:"when"`
	To   Target `yaml:"to"`
}

// When are the conditions of a route. All that are given must hold; of a list one
// entry is enough. No condition at all holds always.
type When struct {
	Channels []string `yaml:"channels"`
	// Places are private, group and thread (a thread of a group).
	Places []string `yaml:"places"`
	Roles  []string `yaml:"roles"`
	// Commands are named without the slash.
	Commands []string `yaml:"commands"`
	// Keywords are words of the text, whatever their case.
	Keywords []string `yaml:"keywords"`
	// Pattern is a regular expression (RE2) that the text contains.
	Pattern string `yaml:"pattern"`
	// Languages are BCP 47 tags; "en" also means "en-GB".
	Languages []string `yaml:"languages"`
	Addressed *bool    `yaml:"addressed"`
}

// Target is who answers: a skill, or nobody.
type Target struct {
	// Skill is the answering skill; empty with a model means the default skill.
	Skill string `yaml:"skill"`
	// Model names the pool that the skill uses; empty for the default.
	Model string `yaml:"model"`
	// Ignore leaves the message unanswered; it stands alone.
	Ignore bool `yaml:"ignore"`
}

// Session says what a conversation remembers.
type Session struct {
	// Scope says whose memory a private chat is: the person's over all their linked
	// accounts, one account's, or the chat's.
	Scope session.Scope `yaml:"scope"`
	// HistoryTokens bounds the history that goes into a prompt.
	HistoryTokens int `yaml:"history_tokens"`
	// Ambient is how many messages of a group that were not meant for the bot it
	// remembers; 0 for none.
	Ambient int `yaml:"ambient"`
	// Idle is how long a conversation on Redis must be silent for its memory to go into
	// the records until the next message; 0 for never.
	Idle time.Duration `yaml:"idle"`
}

// Skills sets the skills and what holds for all of them.
type Skills struct {
	Chat Chat `yaml:"chat"`
	// Timeout bounds one turn.
	Timeout time.Duration `yaml:"timeout"`
	// Rate is how many messages one person may send; a count of 0 means any number.
	Rate adapters.Rate `yaml:"rate"`
	// MaxText bounds the text of one message, in characters.
	MaxText int `yaml:"max_text"`
	// Secrets are what skills may read, by the name of the skill and of the secret. A skill
	// sees those under its own name that its manifest names.
	Secrets map[string]map[string]secret.String `yaml:"secrets"`
	// Folder is where skills that are programs of their own lie; empty for none. It is
	// watched while the hub runs.
	Folder string `yaml:"folder"`
	// Allow says which of them may be started; with nothing in it, all.
	Allow AllowedSkills `yaml:"allow"`
	// MCP are MCP servers, each of which is a skill.
	MCP []MCPServer `yaml:"mcp"`
	// Limits bound each of them, whatever its manifest asks for.
	Limits SkillLimits `yaml:"limits"`
}

// SkillLimits are the most that the program of a skill may use.
type SkillLimits struct {
	// Memory bounds its process; 0 leaves it to the manifest. The lower one holds.
	Memory Bytes `yaml:"memory"`
	// Space bounds the files in its folder.
	Space Bytes `yaml:"space"`
	// CPU is how much processor time a process may use in its life, before it is ended and
	// another one is started; 0 for any.
	CPU time.Duration `yaml:"cpu"`
}

// AllowedSkills are programs of skills that may be started: those of a checksum, and those
// that a signer signed.
type AllowedSkills struct {
	// Sums are SHA-256 in hex.
	Sums []string `yaml:"checksums"`
	// Signers are Ed25519 public keys in base64.
	Signers []string `yaml:"signers"`
}

// Chat sets the skill that talks with a model.
type Chat struct {
	// Prompt is what the model is told first; empty for nothing.
	Prompt string `yaml:"prompt"`
	// MaxTokens bounds an answer; 0 leaves it to the model.
	MaxTokens int `yaml:"max_tokens"`
	// Tools says what the model may call.
	Tools ChatTools `yaml:"tools"`
}

// ChatTools bounds what the model may call on the way to one answer.
type ChatTools struct {
	// Off has it call nothing.
	Off bool `yaml:"off"`
	// Steps is how many times it may call something and be asked again, Calls how many
	// calls it may make in all.
	Steps int `yaml:"steps"`
	Calls int `yaml:"calls"`
}

// Queue bounds the mailboxes. What does not fit stays with the platform.
type Queue struct {
	MaxItems   int `yaml:"max_items"`
	MaxPerChat int `yaml:"max_per_chat"`
	// MaxBytes bounds the file in DataDir; 0 for no bound but the disk. Redis has its own.
	MaxBytes Bytes `yaml:"max_bytes"`
	// Dedupe is how long a message is known again.
	Dedupe time.Duration `yaml:"dedupe"`
}

// Redis is where the mailboxes are, and what else nodes share.
type Redis struct {
	// URL is redis://, redis+sentinel:// or redis+cluster://, with rediss for TLS; empty
	// for mailboxes in DataDir.
	URL secret.String `yaml:"url"`
	// SentinelUser and SentinelPassword are for the Sentinels themselves.
	SentinelUser     string        `yaml:"sentinel_user"`
	SentinelPassword secret.String `yaml:"sentinel_password"`
	// CAFile has the authority of the servers' certificates, CertFile and KeyFile the
	// hub's own for servers that ask for one; see Redis.TLS.
	CAFile   string `yaml:"ca_file"`
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
	// Prefix stands before every key.
	Prefix string `yaml:"prefix"`
	// Replicas is how many replicas must have what was accepted before a platform is
	// told so, within WaitFor, and must know of a send before it begins, if they do so
	// within WaitFor.
	Replicas int           `yaml:"replicas"`
	WaitFor  time.Duration `yaml:"wait_for"`
}

// Postgres is where the records are.
type Postgres struct {
	// URL is postgres://user:password@host:port/database; empty for a file in DataDir.
	URL secret.String `yaml:"url"`
}

// Node is this process among those of the hub.
type Node struct {
	// Name is what the others see, with a part by chance behind; empty for the machine's name.
	Name string `yaml:"name"`
}

// Media says where pictures, voice notes and other files lie while the hub has them.
type Media struct {
	// MaxSize bounds a file that is read or sent.
	MaxSize Bytes `yaml:"max_size"`
	// Keep is how long a file stays.
	Keep time.Duration `yaml:"keep"`
	// S3 is a bucket for them; without an endpoint they lie in the data folder.
	S3 S3 `yaml:"s3"`
}

// S3 names a bucket of an S3-compatible object store.
type S3 struct {
	// Endpoint is an http or https address; empty for no bucket.
	Endpoint string `yaml:"endpoint"`
	Region   string `yaml:"region"`
	Bucket   string `yaml:"bucket"`
	// Prefix stands before each name, so that hubs can share a bucket.
	Prefix    string        `yaml:"prefix"`
	AccessKey string        `yaml:"access_key"`
	SecretKey secret.String `yaml:"secret_key"`
}

// Delivery says how replies are sent.
type Delivery struct {
	// Parallel is how many chats are served at once.
	Parallel int `yaml:"parallel"`
}

// Log says what is logged.
type Log struct {
	// Level is trace, debug, info, warn or error.
	Level string `yaml:"level"`
	// Format is json or text.
	Format string `yaml:"format"`
}

// Memories is the policy by which private chats are remembered.
func (c *Config) Memories() session.Policy {
	p := session.Policy{Private: c.Session.Scope, Accounts: map[core.Account]session.Scope{}}
	for name, channel := range c.Channels {
		if channel.Scope != "" {
			p.Accounts[name] = channel.Scope
		}
	}
	return p
}

// Default gives the configuration of an empty file.
func Default() *Config {
	return &Config{
		HTTP:    HTTP{Listen: "127.0.0.1:8080", MaxBody: 8 * core.MiB},
		DataDir: "./data",
		Access:  Access{DM: DMOpen, Groups: GroupsAddressed},
		Models:  models.Config{Cache: models.DefaultCache(), Intents: models.DefaultIntents()},
		API:     API{MaxBody: 32 * core.MiB},
		Session: Session{Scope: session.OfPerson, HistoryTokens: 6000, Idle: 24 * time.Hour},
		Skills: Skills{
			Chat:    Chat{Tools: ChatTools{Steps: 8, Calls: 16}},
			Timeout: 5 * time.Minute, Rate: adapters.Rate{Count: 120, Per: time.Minute, Burst: 120}, MaxText: 32_000,
			Limits: SkillLimits{Space: 64 * core.MiB},
		},
		Queue:    Queue{MaxItems: 100_000, MaxPerChat: 1000, Dedupe: 48 * time.Hour},
		Redis:    Redis{Prefix: "parley", WaitFor: time.Second},
		Media:    Media{MaxSize: 20 * core.MiB, Keep: 7 * 24 * time.Hour, S3: S3{Prefix: "parley/"}},
		Delivery: Delivery{Parallel: 32},
		Log:      Log{Level: "info", Format: "json"},
		Shutdown: 25 * time.Second,
	}
}
