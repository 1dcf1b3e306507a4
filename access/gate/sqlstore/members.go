package sqlstore

import (
	"context"
	"iter"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// Member implements storage.MemberReader.
func (f facts) Member(ctx context.Context, site, member string) (storage.Member, error) {
	return members.get(ctx, f.read, site, member)
}

// pageSize is how many rows an iterator reads at once: nothing is held between
// two pages.
const pageSize = 500

// Members implements storage.MemberReader. Each page is a separate snapshot.
func (f facts) Members(ctx context.Context, site string) iter.Seq2[storage.Member, error] {
	return storage.Pages(0, pageSize, func(last *storage.Member, size int) ([]storage.Member, error) {
		after := ""
		if last != nil {
			after = last.ID
		}
		return members.list(ctx, f.read, "site = $1 AND id > $2 ORDER BY id LIMIT $3", site, after, size)
	})
}

// PutMember implements storage.MemberStore.
func (f facts) PutMember(ctx context.Context, site string, m storage.Member) error {
	return members.put(ctx, f, site, m, nil)
}

// DeleteMember implements storage.MemberStore.
func (f facts) DeleteMember(ctx context.Context, site, member string) error {
	return members.delete(ctx, f, site, member)
}
