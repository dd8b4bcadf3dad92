// Made by `npm run generate` of dashboard/openapi.json; do not edit.

export interface paths {
    "/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who did what */
        get: operations["listAudit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/blacklist": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the blacklist */
        get: operations["listBlacklist"];
        put?: never;
        /** Shut addresses out */
        post: operations["createBlacklistRule"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/blacklist/bulk": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Delete many rules of the blacklist */
        post: operations["bulkBlacklist"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/blacklist/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Read a rule of the blacklist */
        get: operations["readBlacklistRule"];
        /** Replace a rule of the blacklist */
        put: operations["replaceBlacklistRule"];
        post?: never;
        /** Delete a rule of the blacklist */
        delete: operations["deleteBlacklistRule"];
        options?: never;
        head?: never;
        /** Change a rule of the blacklist */
        patch: operations["patchBlacklistRule"];
        trace?: never;
    };
    "/docs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A page to read and try this API */
        get: operations["docs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/live": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What happens, as server-sent events: tick each second, ping each 15 s, bye at the end */
        get: operations["live"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Log in; the cookie that comes back is the session */
        post: operations["login"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Log out */
        post: operations["logout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who is logged in */
        get: operations["me"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/me/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Change one's own password */
        put: operations["changePassword"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/meta": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** About this installation */
        get: operations["readMeta"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/nodes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List proxies, lost ones too */
        get: operations["listNodes"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/nodes/{incarnation}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Take a proxy off the list; one that lives is back at once */
        delete: operations["forgetNode"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This description */
        get: operations["readOpenAPI"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/overview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The first page of the console */
        get: operations["readOverview"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/release": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How far the published revision has come */
        get: operations["readRelease"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/revisions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List revisions */
        get: operations["listRevisions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/revisions/{number}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Read a revision */
        get: operations["readRevision"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/revisions/{number}/diff": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What differs between two revisions */
        get: operations["diffRevision"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/services": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List services */
        get: operations["listServices"];
        put?: never;
        /** Create a service */
        post: operations["createService"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/services/bulk": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Enable, disable or delete many services */
        post: operations["bulkServices"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/services/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Read a service */
        get: operations["readService"];
        /** Replace a service */
        put: operations["replaceService"];
        post?: never;
        /** Delete a service */
        delete: operations["deleteService"];
        options?: never;
        head?: never;
        /** Change a service (RFC 7396: null is the default again) */
        patch: operations["patchService"];
        trace?: never;
    };
    "/services/{name}/clone": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Copy a service under another name, disabled */
        post: operations["cloneService"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/services/{name}/disable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Disable a service */
        post: operations["disableService"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/services/{name}/enable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Enable a service */
        post: operations["enableService"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/services/{name}/targets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Targets of a service, with their health on every node */
        get: operations["readTargets"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/settings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Read the settings */
        get: operations["readSettings"];
        /** Replace the settings */
        put: operations["replaceSettings"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Change settings (RFC 7396: null is the default again) */
        patch: operations["patchSettings"];
        trace?: never;
    };
    "/stats": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Traffic over time */
        get: operations["readStats"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/stats/top": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who leads today */
        get: operations["readTop"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/tenants": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List tenants */
        get: operations["listTenants"];
        put?: never;
        /** Create a tenant; its secret is shown only in this answer */
        post: operations["createTenant"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/tenants/bulk": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Enable, disable or delete many tenants */
        post: operations["bulkTenants"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/tenants/{app_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Read a tenant */
        get: operations["readTenant"];
        /** Replace a tenant; its credentials stay */
        put: operations["replaceTenant"];
        post?: never;
        /** Delete a tenant */
        delete: operations["deleteTenant"];
        options?: never;
        head?: never;
        /** Change a tenant (RFC 7396: null is the default again) */
        patch: operations["patchTenant"];
        trace?: never;
    };
    "/tenants/{app_id}/clone": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Copy a tenant under another app_id; its secret is shown only in this answer */
        post: operations["cloneTenant"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/tenants/{app_id}/credentials": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Give a tenant one more secret, shown only in this answer */
        post: operations["createCredential"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/tenants/{app_id}/credentials/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Revoke a credential, for ever */
        delete: operations["deleteCredential"];
        options?: never;
        head?: never;
        /** Say until when a credential is good (null: for ever) */
        patch: operations["patchCredential"];
        trace?: never;
    };
    "/tenants/{app_id}/disable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Disable a tenant */
        post: operations["disableTenant"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/tenants/{app_id}/enable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Enable a tenant */
        post: operations["enableTenant"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        Access: {
            /** @description CIDR or address; absent = anyone, [] = nobody */
            allow?: string[];
            /**
             * @description none | jwt
             * @enum {string}
             */
            auth?: "none" | "jwt";
            /** @description CIDR or address; always wins */
            deny?: string[];
            /** @description app_ids; absent = all known, [] = nobody */
            tenants?: string[];
        };
        ActiveHealth: {
            fall?: number;
            interval?: string;
            /**
             * @description tcp | none
             * @enum {string}
             */
            kind?: "tcp" | "none";
            rise?: number;
            timeout?: string;
        };
        AuditList: {
            items: components["schemas"]["AuditRow"][];
            page: number;
            size: number;
            total: number;
        };
        AuditRow: {
            account: string;
            action: string;
            address: string;
            /** Format: date-time */
            at: string;
            changes: components["schemas"]["Change"][];
            id: number;
            /** @description of who acted: session | token | cli */
            kind: string;
            object_kind: string;
            object_name: string;
            request_id: string;
            result: string;
            revision: number;
        };
        Balance: {
            /**
             * @description random | round_robin | weighted_round_robin | ip_hash
             * @enum {string}
             */
            policy?: "random" | "round_robin" | "weighted_round_robin" | "ip_hash";
        };
        BlacklistPage: {
            items: components["schemas"]["BlacklistRule"][];
            page: number;
            size: number;
            total: number;
        };
        BlacklistRule: {
            cidr: string;
            expired: boolean;
            /** Format: date-time */
            expires_at?: string;
            /** @description the CIDR with _ for / */
            id: string;
            meta: components["schemas"]["ObjectMeta"];
            reason?: string;
        };
        BlacklistRuleSpec: {
            /** @description the identity; CIDR or address, stored in canonical form */
            cidr: string;
            /** Format: date-time */
            expires_at?: string;
            reason?: string;
        };
        BulkAnswer: {
            results: components["schemas"]["BulkResult"][];
            revision: number;
        };
        BulkRequest: {
            /**
             * @description enable | disable | delete
             * @enum {string}
             */
            action: "enable" | "disable" | "delete";
            names: string[];
        };
        BulkResult: {
            error?: components["schemas"]["Problem"];
            name: string;
            ok: boolean;
        };
        Change: {
            /**
             * @description added | removed | changed
             * @enum {string}
             */
            action: "added" | "removed" | "changed";
            fields: components["schemas"]["FieldChange"][];
            /**
             * @description service | tenant | credential | blacklist | settings | key
             * @enum {string}
             */
            kind: "service" | "tenant" | "credential" | "blacklist" | "settings" | "key";
            name: string;
        };
        ChangeRef: {
            /**
             * @description added | removed | changed
             * @enum {string}
             */
            action: "added" | "removed" | "changed";
            /**
             * @description service | tenant | credential | blacklist | settings | key
             * @enum {string}
             */
            kind: "service" | "tenant" | "credential" | "blacklist" | "settings" | "key";
            name: string;
        };
        ClientSettings: {
            body_idle?: string;
            header?: string;
            idle?: string;
            max_connections?: number;
            max_connections_per_client?: number;
            max_header?: string;
        };
        CloneServiceRequest: {
            name: string;
            /** @description for services with a port of their own */
            port?: number;
            title?: string;
        };
        CloneTenantRequest: {
            app_id: string;
            name?: string;
        };
        Connections: {
            grpc: number;
            http: number;
            tcp: number;
            websocket: number;
        };
        Credential: {
            /** Format: date-time */
            created_at?: string;
            /** @description for If-Match */
            etag: string;
            expired: boolean;
            /** Format: date-time */
            expires_at?: string;
            id: string;
        };
        CredentialRequest: {
            /** Format: date-time */
            expires_at?: string;
        };
        Default: {
            /** @description dotted: services.upstream.timeouts.connect */
            field: string;
            /** @description where it differs */
            protocols?: {
                [key: string]: string;
            };
            unit: string;
            /** @description for every protocol that protocols does not name */
            value: string;
            /** @description what 0 means */
            zero: string;
        };
        FieldChange: {
            after?: unknown;
            before?: unknown;
            /** @description JSON pointer within the object */
            field: string;
        };
        FieldError: {
            code: string;
            field: string;
            message: string;
            params?: {
                [key: string]: unknown;
            };
        };
        Gateway: {
            http: string;
            https: string;
        };
        HeaderRules: {
            add?: {
                [key: string]: string;
            };
            remove?: string[];
            set?: {
                [key: string]: string;
            };
        };
        Headers: {
            request?: components["schemas"]["HeaderRules"];
        };
        Health: {
            active?: components["schemas"]["ActiveHealth"];
        };
        Installation: {
            algorithms: string[];
            database: string;
            defaults: components["schemas"]["Default"][];
            embedded: boolean;
            /** @description the next free listen port; 0 when none is left */
            free_port: number;
            gateway: components["schemas"]["Gateway"];
            lineage: string;
            listen_ports: components["schemas"]["PortRange"];
            policies: string[];
            protocols: string[];
            revision: number;
            /** @description by protocol */
            schemes: {
                [key: string]: string[];
            };
            time_zone: string;
            version: string;
            /** @description codes */
            warnings: string[];
        };
        Limits: {
            /** @description IPv6 clients per /64 */
            client_ip?: components["schemas"]["RateLimit"];
            service?: components["schemas"]["RateLimit"];
        };
        Listen: {
            port: number;
        };
        LoginRequest: {
            account: string;
            password: string;
        };
        Me: {
            account: string;
            must_change_password: boolean;
            permissions: string[];
            /**
             * @description admin | operator | viewer
             * @enum {string}
             */
            role: "admin" | "operator" | "viewer";
            session: components["schemas"]["SessionInfo"];
        };
        NewCredential: {
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            expires_at?: string;
            id: string;
            secret: string;
        };
        Node: {
            /** Format: date-time */
            applied_at?: string;
            /** @description since it last knew that this is the wanted revision */
            config_age_seconds: number;
            connections: components["schemas"]["Connections"];
            /** @description counts wait for Redis to take them */
            counters_kept: boolean;
            cpu_percent: number;
            /** @description runs the published revision */
            current: boolean;
            faults: components["schemas"]["NodeFault"][];
            goroutines: number;
            /** @description random, one a process start */
            incarnation: string;
            listeners: string[];
            memory_bytes: number;
            name: string;
            revision: number;
            rps: number;
            /** Format: date-time */
            seen_at: string;
            /** Format: date-time */
            started_at: string;
            /**
             * @description live | lost | draining | waiting | stopped
             * @enum {string}
             */
            state: "live" | "lost" | "draining" | "waiting" | "stopped";
            version: string;
            /** @description for what */
            waiting?: string;
        };
        NodeFault: {
            code: string;
            /** @description JSON pointer within the object */
            field: string;
            kind: string;
            message: string;
            name: string;
            node: string;
        };
        NodeList: {
            items: components["schemas"]["Node"][];
            /**
             * Format: date-time
             * @description Redis does not answer since
             */
            stale_since?: string;
            total: number;
        };
        Now: {
            error_percent: number;
            live: components["schemas"]["Connections"];
            p95_ms: number;
            rps: number;
        };
        ObjectMeta: {
            /** Format: date-time */
            created_at: string;
            created_by: string;
            /** @description for If-Match, with its quotes */
            etag: string;
            /** @description that last changed it */
            revision: number;
            /** Format: date-time */
            updated_at: string;
            updated_by: string;
        };
        Overview: {
            /** @description the last five */
            changes: components["schemas"]["Revision"][];
            near_quota: components["schemas"]["QuotaUse"][];
            nodes: components["schemas"]["Node"][];
            now: components["schemas"]["Now"];
            services: number;
            spark: components["schemas"]["Spark"];
            /**
             * Format: date-time
             * @description Redis does not answer since
             */
            stale_since?: string;
            tenants: number;
            /** @description requests */
            today: number;
            unhealthy: components["schemas"]["UnhealthyNode"][];
            /** @description the same hour */
            yesterday: components["schemas"]["Now"];
        };
        PasswordRequest: {
            current: string;
            new: string;
        };
        PathMatch: {
            exact?: string;
            /** @description whole segments */
            prefix?: string;
        };
        Plan: {
            changes: components["schemas"]["Change"][];
            warnings: components["schemas"]["FieldError"][];
        };
        Point: {
            bytes_in: number;
            bytes_out: number;
            /** @description by status code */
            grpc: {
                [key: string]: number;
            };
            /** @description connections now; only the current bucket has it */
            live: number;
            /** @description ms */
            p50: number;
            p95: number;
            p99: number;
            /** @description by reason */
            refused: {
                [key: string]: number;
            };
            requests: number;
            /** @description 1xx … 5xx, none */
            status: {
                [key: string]: number;
            };
            /**
             * Format: date-time
             * @description where the bucket begins
             */
            t: string;
        };
        Pool: {
            idle?: string;
            max_idle_per_target?: number;
            max_per_target?: number;
        };
        PortRange: {
            max: number;
            min: number;
        };
        Problem: {
            code: string;
            errors?: components["schemas"]["FieldError"][];
            params?: {
                [key: string]: unknown;
            };
            request_id: string;
            status: number;
            title: string;
            /** @description urn:yumen:problem:CODE */
            type: string;
        };
        QuotaUse: {
            app_id: string;
            limit: number;
            percent: number;
            used: number;
        };
        RateLimit: {
            burst?: number;
            per?: string;
            rate?: number;
        };
        Release: {
            account: string;
            /** Format: date-time */
            at?: string;
            digest: string;
            live_on: number;
            nodes: number;
            nodes_detail: components["schemas"]["ReleaseNode"][];
            revision: number;
            /**
             * @description live | spreading | refused | no_nodes
             * @enum {string}
             */
            state: "live" | "spreading" | "refused" | "no_nodes";
        };
        ReleaseNode: {
            /** Format: date-time */
            applied_at?: string;
            faults: components["schemas"]["NodeFault"][];
            incarnation: string;
            name: string;
            revision: number;
            /**
             * @description live | spreading | refused | lost | draining | waiting | stopped
             * @enum {string}
             */
            state: "live" | "spreading" | "refused" | "lost" | "draining" | "waiting" | "stopped";
        };
        Revision: {
            account: string;
            added: number;
            /** Format: date-time */
            at: string;
            changed: number;
            /** @description at most 500; the counts are whole */
            changes: components["schemas"]["ChangeRef"][];
            digest: string;
            message: string;
            number: number;
            parent: number;
            removed: number;
        };
        RevisionDiff: {
            changes: components["schemas"]["Change"][];
            from: number;
            to: number;
        };
        RevisionList: {
            items: components["schemas"]["Revision"][];
            page: number;
            size: number;
            total: number;
        };
        Rewrite: {
            strip_prefix?: boolean;
        };
        Route: {
            /** @description example.com | *.example.com */
            hosts?: string[];
            path?: components["schemas"]["PathMatch"];
        };
        Service: {
            access?: components["schemas"]["Access"];
            description?: string;
            /** @description with ?effective=true: defaults filled in */
            effective?: components["schemas"]["ServiceSpec"];
            enabled?: boolean;
            headers?: components["schemas"]["Headers"];
            limits?: components["schemas"]["Limits"];
            listen?: components["schemas"]["Listen"];
            meta: components["schemas"]["ObjectMeta"];
            /** @description Name is the identity, for ever: [A-Za-z0-9][A-Za-z0-9_.-]{0,127}. */
            name: string;
            /**
             * @description http | tcp | grpc
             * @enum {string}
             */
            protocol: "http" | "tcp" | "grpc";
            rewrite?: components["schemas"]["Rewrite"];
            routes?: components["schemas"]["Route"][];
            status: components["schemas"]["ServiceStatus"];
            tags?: string[];
            title?: string;
            upstream?: components["schemas"]["Upstream"];
        };
        ServiceList: {
            items: components["schemas"]["Service"][];
            page: number;
            size: number;
            total: number;
        };
        ServiceSpec: {
            access?: components["schemas"]["Access"];
            description?: string;
            enabled?: boolean;
            headers?: components["schemas"]["Headers"];
            limits?: components["schemas"]["Limits"];
            listen?: components["schemas"]["Listen"];
            /** @description Name is the identity, for ever: [A-Za-z0-9][A-Za-z0-9_.-]{0,127}. */
            name: string;
            /**
             * @description http | tcp | grpc
             * @enum {string}
             */
            protocol: "http" | "tcp" | "grpc";
            rewrite?: components["schemas"]["Rewrite"];
            routes?: components["schemas"]["Route"][];
            tags?: string[];
            title?: string;
            upstream?: components["schemas"]["Upstream"];
        };
        ServiceStatus: {
            error_percent: number;
            faults: components["schemas"]["NodeFault"][];
            /** @description nodes that run its last change */
            live_on: number;
            /** @description living nodes */
            nodes: number;
            p95_ms: number;
            rps: number;
            /**
             * @description healthy | some_down | down | disabled | not_applied | unknown
             * @enum {string}
             */
            state: "healthy" | "some_down" | "down" | "disabled" | "not_applied" | "unknown";
            targets_total: number;
            targets_up: number;
            /** @description requests, since midnight in settings.time_zone */
            today: number;
        };
        SessionInfo: {
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            expires_at: string;
            id: string;
        };
        Settings: {
            client?: components["schemas"]["ClientSettings"];
            /** @description with ?effective=true: defaults filled in */
            effective?: components["schemas"]["SettingsSpec"];
            meta: components["schemas"]["ObjectMeta"];
            /** @description IANA */
            time_zone?: string;
            token?: components["schemas"]["TokenSettings"];
            /** @description CIDR or address */
            trusted_proxies?: string[];
        };
        SettingsSpec: {
            client?: components["schemas"]["ClientSettings"];
            /** @description IANA */
            time_zone?: string;
            token?: components["schemas"]["TokenSettings"];
            /** @description CIDR or address */
            trusted_proxies?: string[];
        };
        Spark: {
            error_percent: number[];
            live: number[];
            p95_ms: number[];
            rps: number[];
        };
        Stats: {
            name?: string;
            /**
             * @description total | service | tenant | node
             * @enum {string}
             */
            of: "total" | "service" | "tenant" | "node";
            points: components["schemas"]["Point"][];
            /**
             * Format: date-time
             * @description Redis does not answer since; the newest points are missing
             */
            stale_since?: string;
            /**
             * @description minute | hour | day
             * @enum {string}
             */
            step: "minute" | "hour" | "day";
            /** @description IANA, rules the days */
            zone: string;
        };
        Target: {
            address: string;
            nodes: components["schemas"]["TargetNode"][];
            /**
             * @description active | draining | disabled
             * @enum {string}
             */
            state: "active" | "draining" | "disabled";
            weight: number;
        };
        TargetList: {
            items: components["schemas"]["Target"][];
        };
        TargetNode: {
            /** @description what a host name resolved to */
            address: string;
            in_flight: number;
            incarnation: string;
            node: string;
            reason: string;
            /** Format: date-time */
            since: string;
            /**
             * @description up | down | unknown | draining | disabled
             * @enum {string}
             */
            state: "up" | "down" | "unknown" | "draining" | "disabled";
            /** @description oldest first */
            transitions: components["schemas"]["TargetTransition"][];
        };
        TargetSpec: {
            address: string;
            /**
             * @description active | draining | disabled
             * @enum {string}
             */
            state?: "active" | "draining" | "disabled";
            /** @description 0..1000 */
            weight?: number;
        };
        TargetTransition: {
            /** Format: date-time */
            at: string;
            reason: string;
            state: string;
        };
        Tenant: {
            /** @description absent = any address, [] = none */
            allow_ips?: string[];
            app_id: string;
            /** @description once, in the answer that made the tenant */
            credential?: components["schemas"]["NewCredential"];
            /** @description read only: see /tenants/{app_id}/credentials */
            credentials: components["schemas"]["Credential"][];
            description?: string;
            /** @description with ?effective=true: defaults filled in */
            effective?: components["schemas"]["TenantSettings"];
            enabled?: boolean;
            limits?: components["schemas"]["TenantLimits"];
            meta: components["schemas"]["ObjectMeta"];
            name?: string;
            /** @description absent = all, [] = none */
            services?: string[];
            status: components["schemas"]["TenantStatus"];
        };
        TenantLimits: {
            burst?: number;
            qpd?: number;
            qps?: number;
        };
        TenantList: {
            items: components["schemas"]["Tenant"][];
            page: number;
            size: number;
            total: number;
        };
        TenantSettings: {
            /** @description absent = any address, [] = none */
            allow_ips?: string[];
            app_id: string;
            description?: string;
            enabled?: boolean;
            limits?: components["schemas"]["TenantLimits"];
            name?: string;
            /** @description absent = all, [] = none */
            services?: string[];
        };
        TenantStatus: {
            /**
             * Format: date-time
             * @description to the hour, within the last minutes to the minute; absent when silent for a day
             */
            last_seen?: string;
            qps: number;
            /** @description absent without a quota */
            quota_used_percent?: number;
            /** @description requests, since midnight in settings.time_zone */
            today: number;
        };
        Tick: {
            now: components["schemas"]["Now"];
            release: components["schemas"]["Release"];
            services: {
                [key: string]: components["schemas"]["TickService"];
            };
            /** Format: date-time */
            stale_since?: string;
            /** Format: date-time */
            t: string;
            today: number;
        };
        TickService: {
            error_percent: number;
            p95_ms: number;
            rps: number;
            /**
             * @description healthy | some_down | down | disabled | not_applied | unknown
             * @enum {string}
             */
            state: "healthy" | "some_down" | "down" | "disabled" | "not_applied" | "unknown";
            targets_total: number;
            targets_up: number;
            today: number;
        };
        Timeouts: {
            body_idle?: string;
            connect?: string;
            request?: string;
            response_header?: string;
            /** @description tunnels, TCP, SSE, gRPC */
            stream_idle?: string;
            tls_handshake?: string;
        };
        TokenSettings: {
            /**
             * @description EdDSA | RS256 | ES256 | HS256
             * @enum {string}
             */
            algorithm?: "EdDSA" | "RS256" | "ES256" | "HS256";
            /** @description issue over plain HTTP to anybody */
            allow_http?: boolean;
            audience?: string;
            enabled?: boolean;
            /** @description absent = any */
            hosts?: string[];
            issuer?: string;
            path?: string;
            ttl?: string;
        };
        Top: {
            error_percent: number;
            errors: number;
            name: string;
            p95_ms: number;
            requests: number;
            /** @description of the last minute */
            rps: number;
        };
        TopList: {
            items: components["schemas"]["Top"][];
            /** Format: date-time */
            stale_since?: string;
        };
        UnhealthyNode: {
            address: string;
            node: string;
            reason: string;
            service: string;
            /** Format: date-time */
            since: string;
        };
        Upstream: {
            balance?: components["schemas"]["Balance"];
            health?: components["schemas"]["Health"];
            pool?: components["schemas"]["Pool"];
            /**
             * @description http | https | h2 | h2c | tcp | tls
             * @enum {string}
             */
            scheme?: "http" | "https" | "h2" | "h2c" | "tcp" | "tls";
            targets?: components["schemas"]["TargetSpec"][];
            timeouts?: components["schemas"]["Timeouts"];
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    listAudit: {
        parameters: {
            query?: {
                /** @description from 1 */
                page?: number;
                /** @description at most 200, default 50 */
                size?: number;
                /** @description who acted */
                account?: string;
                /** @description create, update, delete, login, … */
                action?: string;
                /** @description name, kind/name, or kind/ */
                object?: string;
                /** @description RFC 3339, inclusive */
                from?: string;
                /** @description RFC 3339, exclusive */
                to?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditList"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listBlacklist: {
        parameters: {
            query?: {
                /** @description from 1 */
                page?: number;
                /** @description at most 200, default 50 */
                size?: number;
                /** @description - in front for descending */
                sort?: "cidr" | "-cidr" | "created_at" | "-created_at" | "updated_at" | "-updated_at";
                /** @description text in CIDR or reason; at most 128 characters */
                q?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BlacklistPage"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createBlacklistRule: {
        parameters: {
            query?: {
                /** @description only say what would change (200 Plan) */
                dry_run?: boolean;
                /** @description what the revision is for */
                message?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description rule */
        requestBody: {
            content: {
                "application/json": components["schemas"]["BlacklistRuleSpec"];
            };
        };
        responses: {
            /** @description with dry_run */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Plan"];
                };
            };
            /** @description Created */
            201: {
                headers: {
                    /** @description its version */
                    ETag?: string;
                    /** @description the rule */
                    Location?: string;
                    /** @description the revision that has it */
                    "X-Yumen-Revision"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BlacklistRule"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    bulkBlacklist: {
        parameters: {
            query?: {
                /** @description what the revision is for */
                message?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description action delete, names are ids */
        requestBody: {
            content: {
                "application/json": components["schemas"]["BulkRequest"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description the revision that has it */
                    "X-Yumen-Revision"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BulkAnswer"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readBlacklistRule: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description CIDR with _ for / */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description its version */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BlacklistRule"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    replaceBlacklistRule: {
        parameters: {
            query?: {
                /** @description only say what would change (200 Plan) */
                dry_run?: boolean;
                /** @description what the revision is for */
                message?: string;
            };
            header: {
                /** @description ETag, or * */
                "If-Match": string;
            };
            path: {
                /** @description CIDR with _ for / */
                id: string;
            };
            cookie?: never;
        };
        /** @description rule */
        requestBody: {
            content: {
                "application/json": components["schemas"]["BlacklistRuleSpec"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description its version */
                    ETag?: string;
                    /** @description the revision that has it */
                    "X-Yumen-Revision"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BlacklistRule"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteBlacklistRule: {
        parameters: {
            query?: {
                /** @description only say what would change (200 Plan) */
                dry_run?: boolean;
                /** @description what the revision is for */
                message?: string;
            };
            header: {
                /** @description ETag, or * */
                "If-Match": string;
            };
            path: {
                /** @description CIDR with _ for / */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description with dry_run */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Plan"];
                };
            };
            /** @description No Content */
            204: {
                headers: {
                    /** @description the revision without it */
                    "X-Yumen-Revision"?: number;
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    patchBlacklistRule: {
        parameters: {
            query?: {
                /** @description only say what would change (200 Plan) */
                dry_run?: boolean;
                /** @description what the revision is for */
                message?: string;
            };
            header: {
                /** @description ETag, or * */
                "If-Match": string;
            };
            path: {
                /** @description CIDR with _ for / */
                id: string;
            };
            cookie?: never;
        };
        /** @description merge patch */
        requestBody: {
            content: {
                "application/json": {
                    [key: string]: unknown;
                };
                "application/merge-patch+json": {
                    [key: string]: unknown;
                };
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description its version */
                    ETag?: string;
                    /** @description the revision that has it */
                    "X-Yumen-Revision"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BlacklistRule"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    docs: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    live: {
        parameters: {
            query?: {
                /** @description names of services to follow, separated by commas, at most 200 */
                services?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description data of the event tick */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["Tick"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    login: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description who */
        requestBody: {
            content: {
                "application/json": components["schemas"]["LoginRequest"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description the session */
                    "Set-Cookie"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    logout: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    me: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    changePassword: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description the old and the new one */
        requestBody: {
            content: {
                "application/json": components["schemas"]["PasswordRequest"];
            };
        };
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    /** @description the session, renewed */
                    "Set-Cookie"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readMeta: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Installation"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listNodes: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NodeList"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    forgetNode: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description incarnation */
                incarnation: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readOpenAPI: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readOverview: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Overview"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readRelease: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Release"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listRevisions: {
        parameters: {
            query?: {
                /** @description from 1 */
                page?: number;
                /** @description at most 200, default 50 */
                size?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RevisionList"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readRevision: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description number */
                number: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Revision"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    diffRevision: {
        parameters: {
            query?: {
                /** @description the other one, default its parent */
                against?: number;
            };
            header?: never;
            path: {
                /** @description number */
                number: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RevisionDiff"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listServices: {
        parameters: {
            query?: {
                /** @description from 1 */
                page?: number;
                /** @description at most 200, default 50 */
                size?: number;
                /** @description - in front for descending */
                sort?: "name" | "-name" | "protocol" | "-protocol" | "created_at" | "-created_at" | "updated_at" | "-updated_at";
                /** @description text in name, title, tags, hosts, paths, targets; at most 128 characters */
                q?: string;
                /** @description http, tcp or grpc */
                protocol?: "http" | "tcp" | "grpc";
                /** @description only enabled or only disabled ones */
                enabled?: boolean;
                /** @description with that tag */
                tag?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ServiceList"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createService: {
        parameters: {
            query?: {
                /** @description only say what would change (200 Plan) */
                dry_run?: boolean;
                /** @description what the revision is for */
                message?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description service */
        requestBody: {
            content: {
                "application/json": components["schemas"]["ServiceSpec"];
            };
        };
        responses: {
            /** @description with dry_run */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Plan"];
                };
            };
            /** @description Created */
            201: {
                headers: {
                    /** @description its version */
                    ETag?: string;
                    /** @description the service */
                    Location?: string;
                    /** @description the revision that has it */
                    "X-Yumen-Revision"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Service"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    bulkServices: {
        parameters: {
            query?: {
                /** @description what the revision is for */
                message?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description what, and to which (at most 200) */
        requestBody: {
            content: {
                "application/json": components["schemas"]["BulkRequest"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description the revision that has it */
                    "X-Yumen-Revision"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BulkAnswer"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readService: {
        parameters: {
            query?: {
                /** @description with defaults filled in, as effective */
                effective?: boolean;
            };
            header?: never;
            path: {
                /** @description name */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description its version */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Service"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    replaceService: {
        parameters: {
            query?: {
                /** @description only say what would change (200 Plan) */
                dry_run?: boolean;
                /** @description what the revision is for */
                message?: string;
            };
            header: {
                /** @description ETag, or * */
                "If-Match": string;
            };
            path: {
                /** @description name */
                name: string;
            };
            cookie?: never;
        };
        /** @description service; meta, status and effective are ignored */
        requestBody: {
            content: {
                "application/json": components["schemas"]["ServiceSpec"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description its version */
                    ETag?: string;
                    /** @description the revision that has it */
                    "X-Yumen-Revision"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Service"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteService: {
        parameters: {
            query?: {
                /** @description only say what would change (200 Plan) */
                dry_run?: boolean;
                /** @description what the revision is for */
                message?: string;
            };
            header: {
                /** @description ETag, or * */
                "If-Match": string;
            };
            path: {
                /** @description name */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description with dry_run */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Plan"];
                };
            };
            /** @description No Content */
            204: {
                headers: {
                    /** @description the revision without it */
                    "X-Yumen-Revision"?: number;
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    patchService: {
        parameters: {
            query?: {
                /** @description only say what would change (200 Plan) */
                dry_run?: boolean;
                /** @description what the revision is for */
                message?: string;
            };
            header: {
                /** @description ETag, or * */
                "If-Match": string;
            };
            path: {
                /** @description name */
                name: string;
            };
            cookie?: never;
        };
        /** @description merge patch */
        requestBody: {
            content: {
                "application/json": {
                    [key: string]: unknown;
                };
                "application/merge-patch+json": {
                    [key: string]: unknown;
                };
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description its version */
                    ETag?: string;
                    /** @description the revision that has it */
                    "X-Yumen-Revision"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Service"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    cloneService: {
        parameters: {
            query?: {
                /** @description what the revision is for */
                message?: string;
            };
            header?: never;
            path: {
                /** @description name of the original */
                name: string;
            };
            cookie?: never;
        };
        /** @description the copy */
        requestBody: {
            content: {
                "application/json": components["schemas"]["CloneServiceRequest"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    /** @description its version */
                    ETag?: string;
                    /** @description the copy */
                    Location?: string;
                    /** @description the revision that has it */
                    "X-Yumen-Revision"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Service"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    disableService: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description name */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description its version */
                    ETag?: string;
                    /** @description the revision that has it */
                    "X-Yumen-Revision"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Service"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    enableService: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description name */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description its version */
                    ETag?: string;
                    /** @description the revision that has it */
                    "X-Yumen-Revision"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Service"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readTargets: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description name */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TargetList"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readSettings: {
        parameters: {
            query?: {
                /** @description with defaults filled in, as effective */
                effective?: boolean;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description their version */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Settings"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    replaceSettings: {
        parameters: {
            query?: {
                /** @description only say what would change (200 Plan) */
                dry_run?: boolean;
                /** @description what the revision is for */
                message?: string;
            };
            header: {
                /** @description ETag, or * */
                "If-Match": string;
            };
            path?: never;
            cookie?: never;
        };
        /** @description settings; meta and effective are ignored */
        requestBody: {
            content: {
                "application/json": components["schemas"]["SettingsSpec"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description their version */
                    ETag?: string;
                    /** @description the revision that has them */
                    "X-Yumen-Revision"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Settings"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    patchSettings: {
        parameters: {
            query?: {
                /** @description only say what would change (200 Plan) */
                dry_run?: boolean;
                /** @description what the revision is for */
                message?: string;
            };
            header: {
                /** @description ETag, or * */
                "If-Match": string;
            };
            path?: never;
            cookie?: never;
        };
        /** @description merge patch */
        requestBody: {
            content: {
                "application/json": {
                    [key: string]: unknown;
                };
                "application/merge-patch+json": {
                    [key: string]: unknown;
                };
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description their version */
                    ETag?: string;
                    /** @description the revision that has them */
                    "X-Yumen-Revision"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Settings"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readStats: {
        parameters: {
            query?: {
                /** @description default total */
                of?: "total" | "service" | "tenant" | "node";
                /** @description of the service, tenant or node */
                name?: string;
                /** @description default minute; minutes go back 48 hours, hours 40 days, days 400 days */
                step?: "minute" | "hour" | "day";
                /** @description RFC 3339; default an hour, a day or thirty days before to */
                from?: string;
                /** @description RFC 3339; default now */
                to?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Stats"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readTop: {
        parameters: {
            query?: {
                /** @description default requests */
                by?: "requests" | "errors" | "p95";
                /** @description default service */
                of?: "service" | "tenant";
                /** @description at most 100, default 10 */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TopList"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listTenants: {
        parameters: {
            query?: {
                /** @description from 1 */
                page?: number;
                /** @description at most 200, default 50 */
                size?: number;
                /** @description - in front for descending */
                sort?: "app_id" | "-app_id" | "created_at" | "-created_at" | "updated_at" | "-updated_at";
                /** @description text in app_id, name, description; at most 128 characters */
                q?: string;
                /** @description only enabled or only disabled ones */
                enabled?: boolean;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TenantList"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createTenant: {
        parameters: {
            query?: {
                /** @description false makes none */
                credential?: boolean;
                /** @description only say what would change (200 Plan) */
                dry_run?: boolean;
                /** @description what the revision is for */
                message?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description tenant */
        requestBody: {
            content: {
                "application/json": components["schemas"]["TenantSettings"];
            };
        };
        responses: {
            /** @description with dry_run */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Plan"];
                };
            };
            /** @description Created */
            201: {
                headers: {
                    /** @description its version */
                    ETag?: string;
                    /** @description the tenant */
                    Location?: string;
                    /** @description the revision that has it */
                    "X-Yumen-Revision"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tenant"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    bulkTenants: {
        parameters: {
            query?: {
                /** @description what the revision is for */
                message?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description what, and to which (at most 200) */
        requestBody: {
            content: {
                "application/json": components["schemas"]["BulkRequest"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description the revision that has it */
                    "X-Yumen-Revision"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BulkAnswer"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readTenant: {
        parameters: {
            query?: {
                /** @description with defaults filled in, as effective */
                effective?: boolean;
            };
            header?: never;
            path: {
                /** @description app_id */
                app_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description its version */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tenant"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    replaceTenant: {
        parameters: {
            query?: {
                /** @description only say what would change (200 Plan) */
                dry_run?: boolean;
                /** @description what the revision is for */
                message?: string;
            };
            header: {
                /** @description ETag, or * */
                "If-Match": string;
            };
            path: {
                /** @description app_id */
                app_id: string;
            };
            cookie?: never;
        };
        /** @description tenant; credentials, meta, status and effective are ignored */
        requestBody: {
            content: {
                "application/json": components["schemas"]["TenantSettings"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description its version */
                    ETag?: string;
                    /** @description the revision that has it */
                    "X-Yumen-Revision"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tenant"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteTenant: {
        parameters: {
            query?: {
                /** @description only say what would change (200 Plan) */
                dry_run?: boolean;
                /** @description what the revision is for */
                message?: string;
            };
            header: {
                /** @description ETag, or * */
                "If-Match": string;
            };
            path: {
                /** @description app_id */
                app_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description with dry_run */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Plan"];
                };
            };
            /** @description No Content */
            204: {
                headers: {
                    /** @description the revision without it */
                    "X-Yumen-Revision"?: number;
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    patchTenant: {
        parameters: {
            query?: {
                /** @description only say what would change (200 Plan) */
                dry_run?: boolean;
                /** @description what the revision is for */
                message?: string;
            };
            header: {
                /** @description ETag, or * */
                "If-Match": string;
            };
            path: {
                /** @description app_id */
                app_id: string;
            };
            cookie?: never;
        };
        /** @description merge patch */
        requestBody: {
            content: {
                "application/json": {
                    [key: string]: unknown;
                };
                "application/merge-patch+json": {
                    [key: string]: unknown;
                };
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description its version */
                    ETag?: string;
                    /** @description the revision that has it */
                    "X-Yumen-Revision"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tenant"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    cloneTenant: {
        parameters: {
            query?: {
                /** @description false makes none */
                credential?: boolean;
                /** @description what the revision is for */
                message?: string;
            };
            header?: never;
            path: {
                /** @description app_id of the original */
                app_id: string;
            };
            cookie?: never;
        };
        /** @description the copy */
        requestBody: {
            content: {
                "application/json": components["schemas"]["CloneTenantRequest"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    /** @description its version */
                    ETag?: string;
                    /** @description the copy */
                    Location?: string;
                    /** @description the revision that has it */
                    "X-Yumen-Revision"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tenant"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createCredential: {
        parameters: {
            query?: {
                /** @description what the revision is for */
                message?: string;
            };
            header?: never;
            path: {
                /** @description app_id */
                app_id: string;
            };
            cookie?: never;
        };
        /** @description until when it is good */
        requestBody?: {
            content: {
                "application/json": components["schemas"]["CredentialRequest"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    /** @description the revision that has it */
                    "X-Yumen-Revision"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NewCredential"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteCredential: {
        parameters: {
            query?: {
                /** @description what the revision is for */
                message?: string;
            };
            header: {
                /** @description etag of the credential, or * */
                "If-Match": string;
            };
            path: {
                /** @description app_id */
                app_id: string;
                /** @description id */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No Content */
            204: {
                headers: {
                    /** @description the revision without it */
                    "X-Yumen-Revision"?: number;
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    patchCredential: {
        parameters: {
            query?: {
                /** @description what the revision is for */
                message?: string;
            };
            header: {
                /** @description etag of the credential, or * */
                "If-Match": string;
            };
            path: {
                /** @description app_id */
                app_id: string;
                /** @description id */
                id: string;
            };
            cookie?: never;
        };
        /** @description merge patch: expires_at, a time or null */
        requestBody: {
            content: {
                "application/json": {
                    [key: string]: unknown;
                };
                "application/merge-patch+json": {
                    [key: string]: unknown;
                };
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description the revision that has it */
                    "X-Yumen-Revision"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Credential"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    disableTenant: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description app_id */
                app_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description its version */
                    ETag?: string;
                    /** @description the revision that has it */
                    "X-Yumen-Revision"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tenant"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    enableTenant: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description app_id */
                app_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    /** @description its version */
                    ETag?: string;
                    /** @description the revision that has it */
                    "X-Yumen-Revision"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tenant"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
