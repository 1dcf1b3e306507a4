package saltolocks

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"sync"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// Session is the SALTO KS side of a Site at one moment: the client and the remote of
// the user that is connected. Get one for each piece of work and do not keep it: the
// next one belongs to another user if the site was connected again.
type Session struct {
	Client *saltoks.Client
	Remote *saltoremote.Remote
	// Site is the site of SALTO KS, "" until it is chosen.
	Site saltoks.SiteID
}

// siteDoc is the stored document of a connection's name. It always exists, so that a
// process with another sealing key fails at Open.
type siteDoc struct {
	Connection string `json:"connection"`
}

var siteDocs = saltostate.Kind[siteDoc]{Name: "site", Version: 1}

func siteDocID(environment, name string) string {
	sum := sha256.Sum256([]byte(environment + "\x00" + name))
	return hex.EncodeToString(sum[:16])
}

const (
	// rereadEvery is how long a Session is used before the connection is read again. It
	// is below the 30 s after which a change applies in every process.
	rereadEvery = 10 * time.Second
	// rereadLimit bounds the read: a person waits at a door.
	rereadLimit = time.Second
	// rereadPause is the time between two reads that fail.
	rereadPause = 2 * time.Second
)

// sessions returns the current Session of a connection. It reads the connection again
// when it is used, at most every rereadEvery, so no goroutine is needed. Sites may share
// it.
type sessions struct {
	state   *saltostate.State
	doc     string                // the id of the siteDoc
	auth    *saltoauth.Authorizer // nil with tokens
	tokens  saltoks.TokenSource   // instead of a consent
	client  saltoks.Config        // without Tokens
	now     func() time.Time
	mu      sync.Mutex
	user    string // the user of session: a connection's ID, or a subject
	session Session
	err     error         // why there is no session
	readAt  time.Time     // by the machine's clock
	valid   time.Duration // after readAt: how long session and err are used
}

// current returns the Session, or an error that is saltoauth.ErrNotConnected if the
// site is not connected.
func (s *sessions) current(ctx context.Context) (Session, error) {
	if s.tokens != nil {
		return s.fromTokens(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.readAt) < s.valid {
		return s.session, s.err
	}
	// The result serves other callers too, so this caller's context does not end it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rereadLimit)
	defer cancel()
	conn, err := s.connection(ctx)
	s.readAt, s.valid = time.Now(), rereadEvery
	switch {
	case err == nil:
		s.err = s.set(conn.ID, conn.Identity(), conn.Site)
	case errors.Is(err, saltoauth.ErrNotConnected):
		s.user, s.session, s.err = "", Session{}, err
	default: // the Session is kept: its tokens expire if the connection was deleted
		s.valid = rereadPause
		if s.user == "" {
			s.err = err
		}
	}
	return s.session, s.err
}

// fromTokens returns the Session of a token source. A token names its user.
func (s *sessions) fromTokens(ctx context.Context) (Session, error) {
	token, err := s.tokens.Token(ctx)
	if err != nil {
		return Session{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	user := saltoks.Identity{Environment: s.client.Environment.Name, Subject: token.Subject}
	err = s.set(token.Subject, user, "")
	return s.session, err
}

// set makes the Session of a user, unless it is the current one.
func (s *sessions) set(user string, identity saltoks.Identity, site saltoks.SiteID) error {
	if s.session.Client != nil && s.user == user {
		s.session.Site = site
		return nil
	}
	config := s.client
	if config.Tokens = s.tokens; s.tokens == nil {
		config.Tokens = s.auth.Tokens(saltoauth.Connection{ID: user})
	}
	client, err := saltoks.NewClient(config)
	if err != nil {
		return err
	}
	remote, err := saltoremote.NewRemote(saltoremote.Config{Client: client, State: s.state, User: identity, Now: s.now})
	if err != nil {
		return err
	}
	// Commands that are being sent keep the Client of the previous Session.
	s.user, s.session = user, Session{Client: client, Remote: remote, Site: site}
	return nil
}

// reread makes the next use read the connection again.
func (s *sessions) reread() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.valid = 0
}

// connectionID returns the ID of the connection, or "" if there was none yet.
func (s *sessions) connectionID(ctx context.Context) (string, error) {
	doc, err := saltostate.Load(ctx, s.state, siteDocs, s.doc)
	if err != nil || doc == nil {
		return "", err
	}
	return doc.Connection, nil
}

// connection returns the connection, or saltoauth.ErrNotConnected.
func (s *sessions) connection(ctx context.Context) (saltoauth.Connection, error) {
	if s.auth == nil {
		return saltoauth.Connection{}, errTokens
	}
	id, err := s.connectionID(ctx)
	if err != nil {
		return saltoauth.Connection{}, err
	}
	return s.auth.Connection(ctx, id)
}

// use stores the ID of a connection, unless there is another one. Without an ID it
// creates the document, or seals it again with the current key; it fails with
// saltostate.ErrSealed if it was sealed with an unknown one.
func (s *sessions) use(ctx context.Context, id string) error {
	defer s.reread()
	return saltostate.Update(ctx, s.state, siteDocs, s.doc, func(doc *siteDoc) (*siteDoc, error) {
		if doc == nil {
			doc = &siteDoc{}
		}
		if id == "" || id == doc.Connection {
			return doc, nil
		}
		switch _, err := s.auth.Connection(ctx, doc.Connection); {
		case err == nil:
			return nil, saltoauth.ErrAlreadyConnected
		case !errors.Is(err, saltoauth.ErrNotConnected):
			return nil, err
		}
		return &siteDoc{Connection: id}, nil
	})
}
