// Package prompts makes skills of folders in the Agent Skills format (agentskills.io): a
// SKILL.md with YAML front matter and instructions for a model, and files beside it that the
// instructions name. Nothing of such a folder is ever run: scripts lie there unused.
//
// A Folder watches a folder of them as programs of skills are watched. What was read is kept
// whole in memory, under one checksum: what was checked is what the model is told.
package prompts
