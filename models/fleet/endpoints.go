package fleet

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/parley-hub/parley/core/fault"
)

// endpointSlice is what is read of an EndpointSlice (Kubernetes API, discovery.k8s.io/v1).
type endpointSlice struct {
	Metadata struct {
		Name            string `json:"name"`
		ResourceVersion string `json:"resourceVersion"`
	} `json:"metadata"`
	AddressType string         `json:"addressType"`
	Endpoints   []endpoint     `json:"endpoints"`
	Ports       []endpointPort `json:"ports"`
}

type endpoint struct {
	// Addresses are all of one endpoint, and any of them will do.
	Addresses  []string `json:"addresses"`
	Conditions struct {
		Ready       *bool `json:"ready"`
		Serving     *bool `json:"serving"`
		Terminating *bool `json:"terminating"`
	} `json:"conditions"`
	TargetRef struct {
		Name string `json:"name"`
		UID  string `json:"uid"`
	} `json:"targetRef"`
}

type endpointPort struct {
	Name *string `json:"name"`
	Port *int    `json:"port"`
}

// ready and draining follow the API: what is not said of ready means yes, of serving the
// same as ready, of terminating no. A service that publishes endpoints before they are
// ready calls them ready while they end, too.
func (e endpoint) ready() bool { return said(e.Conditions.Ready, true) && !e.ending() }

func (e endpoint) draining() bool {
	return e.ending() && said(e.Conditions.Serving, said(e.Conditions.Ready, true))
}

func (e endpoint) ending() bool { return said(e.Conditions.Terminating, false) }

func said(b *bool, otherwise bool) bool {
	if b == nil {
		return otherwise
	}
	return *b
}

// candidate is an address that stands for an endpoint.
type candidate struct {
	Address
	six bool
}

// better tells whether c is to stand for the endpoint and not d: an endpoint that moves
// from one slice to another is in both for a while, and one with addresses of both
// versions is in a slice of each.
func (c candidate) better(d candidate) bool {
	if c.Draining != d.Draining {
		return !c.Draining
	}
	return !c.six && d.six
}

// addressesOf gives the workers that slices tell of. A port that none of them has is a
// fault that needs a human.
func addressesOf(all map[string]endpointSlice, port string) ([]Address, error) {
	best := map[string]candidate{}
	var portless error
	for _, name := range slices.Sorted(maps.Keys(all)) {
		s := all[name]
		number, err := s.port(port)
		if err != nil {
			if len(s.Endpoints) > 0 {
				portless = err
			}
			continue
		}
		for _, e := range s.Endpoints {
			c, ok := e.candidate(s.AddressType, number)
			if !ok {
				continue
			}
			key := cmp.Or(e.TargetRef.UID, c.HostPort)
			if known, twice := best[key]; !twice || c.better(known) {
				best[key] = c
			}
		}
	}
	if len(best) == 0 && portless != nil {
		return nil, portless
	}
	if len(best) > maxAddresses {
		return nil, fault.New(fault.NeedsHuman, opKubernetes, fmt.Errorf("the selector finds %d workers, at most %d are taken", len(best), maxAddresses))
	}
	set := make([]Address, 0, len(best))
	for _, c := range best {
		set = append(set, c.Address)
	}
	return tidy(set), nil
}

func (e endpoint) candidate(kind string, port int) (candidate, bool) {
	if len(e.Addresses) == 0 || !e.ready() && !e.draining() {
		return candidate{}, false
	}
	host := e.Addresses[0]
	if kind != "FQDN" {
		if _, err := netip.ParseAddr(host); err != nil {
			return candidate{}, false
		}
	}
	a := Address{HostPort: net.JoinHostPort(host, strconv.Itoa(port)), Name: e.TargetRef.Name, Draining: !e.ready()}
	return candidate{Address: a, six: kind == "IPv6"}, true
}

// port gives the number of the port with that name or number, of the only one for "".
func (s endpointSlice) port(want string) (int, error) {
	number, err := strconv.Atoi(want)
	numeric := err == nil
	var names []string
	for _, p := range s.Ports {
		if p.Port == nil {
			continue
		}
		name := ""
		if p.Name != nil {
			name = *p.Name
		}
		if numeric && *p.Port == number || !numeric && want != "" && name == want || want == "" && len(s.Ports) == 1 {
			return *p.Port, nil
		}
		names = append(names, fmt.Sprintf("%s (%d)", cmp.Or(name, "without a name"), *p.Port))
	}
	switch {
	case numeric && len(s.Ports) == 0: // no ports means all of them
		return number, nil
	case want == "":
		err = fmt.Errorf("port says which of %s", cmp.Or(strings.Join(names, ", "), "none"))
	default:
		err = errors.New("the service has no port " + want + ", but " + cmp.Or(strings.Join(names, ", "), "none"))
	}
	return 0, fault.New(fault.NeedsHuman, opKubernetes, err)
}
