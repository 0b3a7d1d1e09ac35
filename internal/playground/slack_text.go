package playground

import (
	"strings"

	"github.com/parley-hub/parley/adapters/document"
	"github.com/parley-hub/parley/internal/console"
)

var (
	slackEscaper   = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	slackUnescaper = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")
)

// slackDialect is mrkdwn (https://docs.slack.dev/messaging/formatting-message-text).
var slackDialect = dialect{quote: ">", plain: slackUnescaper.Replace, reference: slackReference}

// slackReference is what a pair of angle brackets shows.
func slackReference(inside string) console.Run {
	target, label, _ := strings.Cut(inside, "|")
	target, label = slackUnescaper.Replace(target), slackUnescaper.Replace(label)
	who := console.Run{Style: console.Style{Mention: true}}
	switch {
	case target == "@"+slackBot:
		who.Text = "@" + botName
		return who
	case strings.HasPrefix(target, "@"):
		who.Text = target
		for id, user := range slackPeople {
			if target == "@"+user {
				who.Text = "@" + nameOf(id)
			}
		}
		return who
	case strings.HasPrefix(target, "#"), strings.HasPrefix(target, "!"):
		if who.Text = label; label == "" {
			who.Text = target
		}
		return who
	case label == "":
		return console.Run{Text: strings.TrimPrefix(target, "mailto:"), Link: target}
	default:
		return console.Run{Text: label, Link: target}
	}
}

// markdownRuns reads a block of Markdown, which Slack shows as others do.
func markdownRuns(text string) []console.Run {
	var out []console.Run
	for _, r := range document.Parse(text) {
		has := r.Style.Has
		out = append(out, console.Run{Text: r.Text, Link: r.Link, Style: console.Style{
			Bold: has(document.Bold), Italic: has(document.Italic), Strike: has(document.Strike), Code: has(document.Code),
			Pre: has(document.Pre), Language: r.Lang, Quote: has(document.Quote),
		}})
	}
	return out
}
