// Package plugin runs skills that are programs of their own.
//
// A Folder holds the programs: it starts each one, asks it for its manifest, and publishes a
// skills.Skill for it, so that whatever holds for skills inside the hub (middleware, the
// router, the contract suite) holds for it. A new version of a file starts beside the old one
// and takes over once it is healthy; the old one ends its turns. One that crashes costs its
// turn a fault and is started again, with growing waits; one that hangs is cancelled, then
// killed, and so is one that fills its folder. What a program says is bounded, and what it asks for goes through the turn's own
// World, Files and Writer.
//
// How a program is started is a function in the options, so that it can be contained.
package plugin
