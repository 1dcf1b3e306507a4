package saltokstest

// World is what the simulated cloud holds at the start and after a reset. Empty
// fields get a default; ids are made from the names, so they are the same in every
// run. In JSON it is the file that examples/simulator reads with -world. WIRE.md
// describes the objects.
type World struct {
	// ClientID, ClientSecret and RedirectURI are the registered OAuth client. It may
	// use the grants authorization_code, password and refresh_token.
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	RedirectURI  string `json:"redirect_uri"`
	// PublicClient makes the client a public one: it has no secret and may not use
	// the password grant.
	PublicClient bool `json:"public_client,omitempty"`
	// PostLogoutRedirectURI is where the browser may be sent after a logout; empty is
	// the root of RedirectURI's host.
	PostLogoutRedirectURI string `json:"post_logout_redirect_uri,omitempty"`

	Users []User `json:"users"`
	Sites []Site `json:"sites"`
}

// User is a person with a SALTO account.
type User struct {
	// ID is the platform user id; Subject the OIDC "sub". They differ
	// (WIRE.md 1.2, measured).
	ID        string `json:"id"`
	Subject   string `json:"subject"`
	Email     string `json:"email"`
	Password  string `json:"password"`
	Phone     string `json:"phone"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
	Language  string `json:"language"`
	// Tag is the number printed on the user's fob; empty for none.
	Tag string `json:"tag,omitempty"`
}

// Site is one SALTO KS site. IQs and locks without a site of their own would
// not be reachable, so they live inside it.
type Site struct {
	ID string `json:"id"`
	// UID is the printed site UID: two letters and ten digits.
	UID      string `json:"site_uid"`
	Name     string `json:"name"`
	TimeZone string `json:"time_zone"`
	Country  string `json:"country_code"`
	// Seats is how many site users the plan pays for.
	Seats int `json:"seats"`
	// Features of the plan; nil means the usual ones (WIRE.md 2.2).
	Features []string `json:"features,omitempty"`
	// Unreleased makes the site inoperable: commands are answered 400/2210.
	Unreleased bool `json:"unreleased,omitempty"`
	// Unpaid ends the subscription: commands are answered 403/2212.
	Unpaid bool `json:"unpaid,omitempty"`
	// Members is who belongs here. Left empty in a World, every user of the
	// world is a site admin with remote access.
	Members []Member `json:"members,omitempty"`
	IQs     []IQ     `json:"iqs"`
	Locks   []Lock   `json:"locks"`
}

// Member is a user's place on one site.
type Member struct {
	// ID is the site-user id, which is not the user's id (WIRE.md 2.0).
	ID string `json:"id"`
	// User is the e-mail of a user of the world.
	User string `json:"user"`
	// Role is a role code: "site_admin" (the default), "site_owner",
	// "site_super_user", "site_user" and so on.
	Role string `json:"role"`
	// RemoteAccess and ManualOfficeMode are the rights to open from afar and to
	// switch office mode from afar; nil is true.
	RemoteAccess     *bool `json:"remote_access,omitempty"`
	ManualOfficeMode *bool `json:"toggle_manual_office_mode,omitempty"`
	// EasyOfficeMode is the right to toggle office mode with a fob while the
	// lock's schedule runs; nil is true.
	EasyOfficeMode *bool `json:"toggle_easy_office_mode,omitempty"`
	// OverridePrivacy opens a lock in privacy mode.
	OverridePrivacy bool `json:"override_privacy_mode,omitempty"`
}

// IQ is a gateway.
type IQ struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	MAC      string `json:"mac"`
	TimeZone string `json:"time_zone"`
	// WithoutOTP makes an IQ that wants no code (otp_enabled false).
	WithoutOTP bool `json:"without_otp,omitempty"`
	Offline    bool `json:"offline,omitempty"`
}

// Lock is one lock.
type Lock struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	MAC  string `json:"mac"`
	// IQ is the id or the name of an IQ of the same site; empty takes the first,
	// "none" makes a detached lock.
	IQ string `json:"iq"`
	// OpenSeconds is how long a remote opening lasts; 0 is 7 (WIRE.md 2.5: 1 to
	// 240).
	OpenSeconds int `json:"open_seconds"`
	// Type is lock_type, "wall_reader_pin" when empty.
	Type string `json:"lock_type"`
	// Battery is battery_level, "fresh" when empty.
	Battery  string    `json:"battery_level"`
	Offline  bool      `json:"offline,omitempty"`
	Privacy  bool      `json:"privacy_mode,omitempty"`
	Schedule *Schedule `json:"easy_office_mode_schedule,omitempty"`
}

// Schedule is a lock's easy office mode schedule, in the zone of the lock's
// IQ. When it ends, the lock locks; it unlocks nothing, unless AutoStart.
type Schedule struct {
	AutoStart bool   `json:"eom_auto_start"`
	Monday    bool   `json:"monday"`
	Tuesday   bool   `json:"tuesday"`
	Wednesday bool   `json:"wednesday"`
	Thursday  bool   `json:"thursday"`
	Friday    bool   `json:"friday"`
	Saturday  bool   `json:"saturday"`
	Sunday    bool   `json:"sunday"`
	StartTime string `json:"start_time"` // HH:MM:SS
	EndTime   string `json:"end_time"`   // HH:MM:SS
	// StartDate and EndDate bound it (YYYY-MM-DD, both inclusive); nil for none.
	StartDate *string `json:"start_date"`
	EndDate   *string `json:"end_date"`
}

// DefaultWorld is the built-in world: one site in Amsterdam, two IQs, four
// locks, one site admin with a mailbox and a phone.
func DefaultWorld() World {
	return World{
		ClientID:     "harbour-doors",
		ClientSecret: "Vq7tN2mKx9wLr4Ds",
		RedirectURI:  "http://127.0.0.1:8078/salto/callback",
		Users: []User{{
			Email: "doors@harbour.example", Password: "Kettle-Harbour-58", Phone: "+31200000042",
			FirstName: "Harbour", LastName: "Doors", Language: "nl-NL", Tag: "00418627",
		}},
		Sites: []Site{{
			UID: "NL0417263859", Name: "Harbour House", TimeZone: "Europe/Amsterdam", Country: "NL", Seats: 10,
			IQs: []IQ{{Name: "IQ Ground Floor"}, {Name: "IQ First Floor"}},
			Locks: []Lock{
				{Name: "Main Entrance", IQ: "IQ Ground Floor"},
				{Name: "Office Four", IQ: "IQ First Floor"},
				{Name: "Meeting Room", IQ: "IQ First Floor"},
				{Name: "Bicycle Store", IQ: "IQ Ground Floor", Type: "escutcheon_pin"},
			},
		}},
	}
}
