package redisconn

import (
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// target is what a URL says.
type target struct {
	form     Form
	tls      bool
	user     string
	password string
	addrs    []string
	master   string
	db       int
}

// Form is how Redis is run.
type Form uint8

// The forms.
const (
	Standalone Form = iota
	Sentinel
	Cluster
)

var schemes = map[string]target{
	"redis":           {form: Standalone},
	"rediss":          {form: Standalone, tls: true},
	"redis+sentinel":  {form: Sentinel},
	"rediss+sentinel": {form: Sentinel, tls: true},
	"redis+cluster":   {form: Cluster},
	"rediss+cluster":  {form: Cluster, tls: true},
}

// parseURL reads Options.URL. Its errors name no password.
func parseURL(text string) (target, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	t, known := schemes[scheme]
	if !ok || !known {
		return target{}, errors.New("a Redis URL begins with redis://, rediss://, redis+sentinel:// or redis+cluster://")
	}
	authority, path, _ := strings.Cut(rest, "/")
	if strings.ContainsAny(path, "?#") || strings.ContainsAny(authority, "?#") {
		return target{}, errors.New("a Redis URL takes no options behind its path; escape ? and # in a password as %3F and %23")
	}
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		user, password, _ := strings.Cut(authority[:at], ":")
		var err1, err2 error
		t.user, err1 = url.PathUnescape(user)
		t.password, err2 = url.PathUnescape(password)
		if err1 != nil || err2 != nil {
			return target{}, errors.New("user or password of the Redis URL are not escaped well: write % as %25")
		}
		authority = authority[at+1:]
	}
	port := "6379"
	if t.form == Sentinel {
		port = "26379"
	}
	for _, host := range strings.Split(authority, ",") {
		addr, err := withPort(host, port)
		if err != nil {
			return target{}, err
		}
		t.addrs = append(t.addrs, addr)
	}
	if t.form == Standalone && len(t.addrs) > 1 {
		return target{}, errors.New("several hosts in a Redis URL need redis+sentinel:// or redis+cluster://")
	}
	return t, t.readPath(strings.TrimSuffix(path, "/"))
}

func withPort(host, port string) (string, error) {
	if h, p, err := net.SplitHostPort(host); err == nil {
		host, port = h, p
	}
	host = strings.Trim(host, "[]")
	if n, err := strconv.ParseUint(port, 10, 16); host == "" || err != nil || n == 0 {
		return "", errors.New("each host of a Redis URL is name, name:port or [IPv6]:port")
	}
	return net.JoinHostPort(host, port), nil
}

func (t *target) readPath(path string) error {
	var parts []string
	if path != "" {
		parts = strings.Split(path, "/")
	}
	if t.form == Sentinel {
		if len(parts) == 0 {
			return errors.New("redis+sentinel:// needs the master's name behind the hosts, as in redis+sentinel://host:26379/mymaster")
		}
		t.master, parts = parts[0], parts[1:]
	}
	if len(parts) == 0 {
		return nil
	}
	db, err := strconv.Atoi(parts[0])
	if err != nil || db < 0 || len(parts) > 1 {
		return errors.New("behind the host of a Redis URL stands the number of the database")
	}
	if t.form == Cluster && db != 0 {
		return errors.New("a Redis Cluster has database 0 only")
	}
	t.db = db
	return nil
}
