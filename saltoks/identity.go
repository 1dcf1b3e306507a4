package saltoks

// Identity names one SALTO user: the same subject of two environments is two
// users. What is stored of a user is found by it.
type Identity struct {
	// Environment is Environment.Name.
	Environment string `json:"environment"`
	// Subject is the OIDC "sub" of the user. It is neither a UserID nor a
	// SiteUserID (WIRE.md 1.2).
	Subject string `json:"subject"`
}
