package models

// AtOnce is how many requests of one person a node lets be under way at a time, by role:
// those that wait in line, and those that are answered.
type AtOnce struct {
	User  int `yaml:"user"`
	Admin int `yaml:"admin"`
}

// For gives the number for a role.
func (a AtOnce) For(role string) int {
	if role == "admin" {
		return a.Admin
	}
	return a.User
}

func (a AtOnce) validate() (found []Problem) {
	if a.User < 0 {
		found = append(found, Problem{"at_once.user", "must be a number of requests"})
	}
	if a.Admin < 0 {
		found = append(found, Problem{"at_once.admin", "must be a number of requests"})
	}
	return found
}
