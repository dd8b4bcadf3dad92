// The words of the admin API, by short names. schema.d.ts is generated.
import type { components } from './schema'

type Schemas = components['schemas']

export type ServiceSpec = Schemas['ServiceSpec']
export type Service = Schemas['Service']
export type ServiceStatus = Schemas['ServiceStatus']
export type TargetHealth = Schemas['Target']
export type TargetNode = Schemas['TargetNode']
export type TenantSpec = Schemas['TenantSettings']
export type Tenant = Schemas['Tenant']
export type Credential = Schemas['Credential']
export type NewCredential = Schemas['NewCredential']
export type BlacklistSpec = Schemas['BlacklistRuleSpec']
export type BlacklistRule = Schemas['BlacklistRule']
export type SettingsSpec = Schemas['SettingsSpec']
export type Settings = Schemas['Settings']
export type Plan = Schemas['Plan']
export type Change = Schemas['Change']
export type ChangeRef = Schemas['ChangeRef']
export type FieldError = Schemas['FieldError']
export type ProblemBody = Schemas['Problem']
export type Fault = Schemas['NodeFault']
export type Revision = Schemas['Revision']
export type Release = Schemas['Release']
export type Node = Schemas['Node']
export type Connections = Schemas['Connections']
export type Numbers = Schemas['Now']
export type Tick = Schemas['Tick']
export type Overview = Schemas['Overview']
export type Stats = Schemas['Stats']
export type Point = Schemas['Point']
export type Top = Schemas['Top']
export type AuditRow = Schemas['AuditRow']
export type Installation = Schemas['Installation']
export type Me = Schemas['Me']
export type BulkAnswer = Schemas['BulkAnswer']

/** List is a page of something. */
export interface List<T> {
  items: T[]
  total: number
}
