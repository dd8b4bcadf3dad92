package dao

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// TableName is GORM's name of the sessions' table.
func (Session) TableName() string { return "sessions" }

// CreateSession logs an admin in: the session, the admin's LastLoginAt and the
// audit row "login" are written together. Sessions past their end are swept.
func (s *Store) CreateSession(ctx context.Context, by Principal, n Session) error {
	return s.write(ctx, func(tx *gorm.DB) error {
		if err := insertSession(tx, n); err != nil {
			return err
		}
		var a Admin
		if err := found(tx.Where("id = ?", n.AdminID).Take(&a).Error, "admin %d", n.AdminID); err != nil {
			return err
		}
		if err := tx.Model(&Admin{}).Where("id = ?", a.ID).UpdateColumn("last_login_at", milli(n.CreatedAt)).Error; err != nil {
			return fmt.Errorf("write login: %w", err)
		}
		if err := tx.Where("expires_at <= ?", now()).Delete(&Session{}).Error; err != nil {
			return fmt.Errorf("sweep sessions: %w", err)
		}
		return insertAudit(tx, []AuditRow{by.audit("login", objectAdmin, a.Account)})
	})
}

// RenewSession replaces the session oldID by n: a new id and token after a
// password change. It is no login, so there is no audit row.
func (s *Store) RenewSession(ctx context.Context, oldID string, n Session) error {
	return s.write(ctx, func(tx *gorm.DB) error {
		gone := exactly(tx, "id", oldID).Delete(&Session{})
		if gone.Error != nil {
			return fmt.Errorf("renew session: %w", gone.Error)
		}
		if gone.RowsAffected == 0 {
			return fmt.Errorf("renew session: %w", ErrNotFound)
		}
		return insertSession(tx, n)
	})
}

func insertSession(tx *gorm.DB, n Session) error {
	n.CreatedAt, n.SeenAt, n.ExpiresAt = milli(n.CreatedAt), milli(n.SeenAt), milli(n.ExpiresAt)
	n.Address, n.UserAgent = clip(n.Address, 64), clip(n.UserAgent, 255)
	err := tx.Create(&n).Error
	if errors.Is(err, gorm.ErrDuplicatedKey) {
		err = ErrConflict
	}
	if err != nil {
		return fmt.Errorf("write session: %w", err)
	}
	return nil
}

// SessionByTokenHash finds a session and whose it is. ErrNotFound is behind
// the error also when it is past its ExpiresAt or its admin is disabled;
// idleness is for the caller to judge.
func (s *Store) SessionByTokenHash(ctx context.Context, hash string) (Session, Admin, error) {
	var n Session
	db := s.db.WithContext(ctx)
	if err := found(exactly(db, "token_hash", hash).Where("expires_at > ?", now()).Take(&n).Error, "session"); err != nil {
		return Session{}, Admin{}, err
	}
	var a Admin
	if err := found(db.Where("id = ? AND disabled = ?", n.AdminID, false).Take(&a).Error, "admin of session"); err != nil {
		return Session{}, Admin{}, err
	}
	return n, a, nil
}

// Sessions lists an admin's sessions, the newest first.
func (s *Store) Sessions(ctx context.Context, adminID uint64) ([]Session, error) {
	var all []Session
	err := s.db.WithContext(ctx).Where("admin_id = ? AND expires_at > ?", adminID, now()).Order("created_at DESC, id").Find(&all).Error
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return all, nil
}

// TouchSession writes down when a session was used last.
func (s *Store) TouchSession(ctx context.Context, id string, seen time.Time) error {
	return s.write(ctx, func(tx *gorm.DB) error {
		if err := exactly(tx.Model(&Session{}), "id", id).UpdateColumn("seen_at", milli(seen)).Error; err != nil {
			return fmt.Errorf("touch session: %w", err)
		}
		return nil
	})
}

// DeleteSession ends a session, with the audit row "logout". ErrNotFound is
// behind the error when it has ended already.
func (s *Store) DeleteSession(ctx context.Context, by Principal, id string) error {
	return s.write(ctx, func(tx *gorm.DB) error {
		var n Session
		if err := found(exactly(tx, "id", id).Take(&n).Error, "session"); err != nil {
			return err
		}
		return endSessions(tx, by, tx.Where("id = ?", n.ID), n.AdminID)
	})
}

// DeleteSessionsOf ends an admin's sessions but the one with the id except
// ("" = none), with one audit row "logout".
func (s *Store) DeleteSessionsOf(ctx context.Context, by Principal, adminID uint64, except string) error {
	return s.write(ctx, func(tx *gorm.DB) error {
		return endSessions(tx, by, tx.Where("admin_id = ? AND id <> ?", adminID, except), adminID)
	})
}

func endSessions(tx *gorm.DB, by Principal, which *gorm.DB, adminID uint64) error {
	if err := which.Delete(&Session{}).Error; err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	var a Admin
	if err := found(tx.Where("id = ?", adminID).Take(&a).Error, "admin %d", adminID); err != nil {
		return err
	}
	return insertAudit(tx, []AuditRow{by.audit("logout", objectAdmin, a.Account)})
}
