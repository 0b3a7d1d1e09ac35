// Package sdk makes a program of a skill, for the folder from which a hub takes its plugins:
//
//	func main() { sdk.Main(Skill{}) }
//
// The skill is a skills.Skill like those inside the hub, and what it is given is the same: a
// Turn with its World, its Files and its Session, and a Writer. All of it works through the
// hub, which holds each call against the manifest.
//
// What differs: of a long history the oldest turns may be missing, what was said past the bot
// in a group is not shown, what a turn did to the session is stored when Handle returned, and
// there are no Tools: a program lets no model call anything.
package sdk
