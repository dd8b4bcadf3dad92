package dao

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"gorm.io/gorm"

	"yumen/spec"
)

// objectAdmin is the kind of admins in the audit trail.
const objectAdmin = "admin"

// TableName is GORM's name of the admins' table.
func (Admin) TableName() string { return "admins" }

// Admins lists the people who may use the console, by account.
func (s *Store) Admins(ctx context.Context) ([]Admin, error) {
	var all []Admin
	if err := s.db.WithContext(ctx).Order("account").Find(&all).Error; err != nil {
		return nil, fmt.Errorf("list admins: %w", err)
	}
	return all, nil
}

// AdminByAccount finds one; ErrNotFound is behind the error when there is
// none of exactly that account.
func (s *Store) AdminByAccount(ctx context.Context, account string) (Admin, error) {
	return adminByAccount(s.db.WithContext(ctx), account)
}

func adminByAccount(db *gorm.DB, account string) (Admin, error) {
	var a Admin
	err := exactly(db, "account", account).Take(&a).Error
	return a, found(err, "admin %q", account)
}

// CreateAdmin adds one and gives it with its ID; ErrConflict is behind the
// error when the account is taken.
func (s *Store) CreateAdmin(ctx context.Context, by Principal, a Admin) (Admin, error) {
	if a.Account == "" || a.Account != strings.TrimSpace(a.Account) || !utf8.ValidString(a.Account) || utf8.RuneCountInString(a.Account) > 128 {
		return Admin{}, fmt.Errorf("create admin: account %q cannot be used", clip(a.Account, 128))
	}
	if err := checkRole(a.Role); err != nil {
		return Admin{}, fmt.Errorf("create admin: %w", err)
	}
	var made Admin
	err := s.write(ctx, func(tx *gorm.DB) error {
		made = a
		made.ID, made.LastLoginAt = 0, nil
		made.CreatedAt = now()
		made.UpdatedAt = made.CreatedAt
		if err := tx.Create(&made).Error; err != nil {
			return err
		}
		row := by.audit("create", objectAdmin, a.Account)
		row.Diff = []spec.Change{{Kind: objectAdmin, Name: a.Account, Action: "added",
			Fields: []spec.FieldChange{{Field: "/role", After: a.Role}}}}
		return insertAudit(tx, []AuditRow{row})
	})
	if errors.Is(err, gorm.ErrDuplicatedKey) {
		err = ErrConflict
	}
	if err != nil {
		return Admin{}, fmt.Errorf("create admin %q: %w", a.Account, err)
	}
	return made, nil
}

// UpdateAdmin sets the role of a.Account and whether it is disabled or must
// change its password; disabling ends its sessions. ErrLastAdmin is behind the
// error when nobody could administer afterwards.
func (s *Store) UpdateAdmin(ctx context.Context, by Principal, a Admin) error {
	if err := checkRole(a.Role); err != nil {
		return fmt.Errorf("update admin: %w", err)
	}
	return s.write(ctx, func(tx *gorm.DB) error {
		if _, err := s.lockHead(tx); err != nil { // two demotions at once would each see the other admin
			return err
		}
		old, err := adminByAccount(tx, a.Account)
		if err != nil {
			return err
		}
		if old.Role == "admin" && !old.Disabled && (a.Role != "admin" || a.Disabled) {
			var others int64
			if err := tx.Model(&Admin{}).Where("role = 'admin' AND disabled = ? AND id <> ?", false, old.ID).Count(&others).Error; err != nil {
				return fmt.Errorf("count admins: %w", err)
			}
			if others == 0 {
				return ErrLastAdmin
			}
		}
		if err := tx.Model(&Admin{}).Where("id = ?", old.ID).Updates(map[string]any{
			"role": a.Role, "must_change": a.MustChange, "disabled": a.Disabled, "updated_at": now()}).Error; err != nil {
			return fmt.Errorf("update admin %q: %w", a.Account, err)
		}
		if a.Disabled {
			if err := tx.Where("admin_id = ?", old.ID).Delete(&Session{}).Error; err != nil {
				return fmt.Errorf("end sessions: %w", err)
			}
		}
		row := by.audit("update", objectAdmin, a.Account)
		change := spec.Change{Kind: objectAdmin, Name: a.Account, Action: "changed"}
		if old.Role != a.Role {
			change.Fields = append(change.Fields, spec.FieldChange{Field: "/role", Before: old.Role, After: a.Role})
		}
		if old.Disabled != a.Disabled {
			change.Fields = append(change.Fields, spec.FieldChange{Field: "/disabled", Before: old.Disabled, After: a.Disabled})
		}
		if old.MustChange != a.MustChange {
			change.Fields = append(change.Fields, spec.FieldChange{Field: "/must_change", Before: old.MustChange, After: a.MustChange})
		}
		row.Diff = []spec.Change{change}
		return insertAudit(tx, []AuditRow{row})
	})
}

// SetPassword sets the password's hash and ends every session of the account
// but the one that by is.
func (s *Store) SetPassword(ctx context.Context, by Principal, account, hash string, mustChange bool) error {
	return s.write(ctx, func(tx *gorm.DB) error {
		a, err := adminByAccount(tx, account)
		if err != nil {
			return err
		}
		if err := tx.Model(&Admin{}).Where("id = ?", a.ID).Updates(map[string]any{
			"password_hash": hash, "must_change": mustChange, "updated_at": now()}).Error; err != nil {
			return fmt.Errorf("set password of %q: %w", account, err)
		}
		ended := tx.Where("admin_id = ?", a.ID)
		if by.Kind == "session" {
			ended = ended.Where("id <> ?", by.ID)
		}
		if err := ended.Delete(&Session{}).Error; err != nil {
			return fmt.Errorf("end sessions: %w", err)
		}
		return insertAudit(tx, []AuditRow{by.audit("set_password", objectAdmin, account)})
	})
}

func checkRole(role string) error {
	switch role {
	case "admin", "operator", "viewer":
		return nil
	}
	return fmt.Errorf("role %q is none of admin, operator, viewer", role)
}
