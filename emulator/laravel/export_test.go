package laravel

import "context"

// Bump is bump.
func (b *Backend) Bump(ctx context.Context, typ string, id ID, action string) (int64, error) {
	return b.bump(ctx, typ, id, action)
}
