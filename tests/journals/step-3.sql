BEGIN TRANSACTION;
CREATE TABLE begun_anew (at TEXT NOT NULL);
CREATE TABLE durations (
            seq INTEGER PRIMARY KEY,
            model TEXT NOT NULL,
            duration INTEGER,
            seconds REAL NOT NULL
        );
INSERT INTO "durations" VALUES(1,'minimax/hailuo-2.3/i2v-standard',6,45.0);
CREATE TABLE "entries" (
            seq INTEGER PRIMARY KEY,
            intent_id TEXT NOT NULL UNIQUE,
            key TEXT NOT NULL,
            take INTEGER NOT NULL,
            owner TEXT NOT NULL,
            stage TEXT NOT NULL,
            request TEXT NOT NULL,
            notes TEXT NOT NULL,
            created_at TEXT NOT NULL,
            submitted_at TEXT,
            prediction_id TEXT,
            report TEXT,
            save_to TEXT NOT NULL,
            saved_path TEXT NOT NULL,
            account TEXT NOT NULL,
            quote INTEGER,
            spent INTEGER NOT NULL
        );
INSERT INTO "entries" VALUES(1,'21819341024a4f74a3bf6e68731f5750','aband',1,'fe32318b032743d9ad1dfe089b32cb52','intended','{}','[]','2026-11-28T11:55:51.539766+00:00',NULL,NULL,NULL,'null','null','account',280000,280000);
INSERT INTO "entries" VALUES(2,'186e54e6045f4bfa8a6c952a706d50c3','key',1,'fe32318b032743d9ad1dfe089b32cb52','submitted','{"model": "minimax/hailuo-2.3/i2v-standard", "prompt": "p\ud800", "duration": 6, "image": "https://pictures.example/cat.jpg"}','["A note"]','2026-11-28T11:55:51.541453+00:00','2026-11-20T12:00:00.000000+00:00','p1','{"prediction_id": "p1", "word": "completed", "outputs": ["https://clips.example/1.mp4"], "reason": null, "model": null, "created_at": "2026-11-20T12:00:00Z", "completed_at": "2026-11-20T12:00:45Z", "predict_time_seconds": null, "cost_usd": "0.280000", "flagged": false, "no_clip_since": null, "clip_missing": false}','"/clips/"','"/clips/cat-p1.mp4"','account',280000,280000);
INSERT INTO "entries" VALUES(3,'8f51a2803cbf4c328e7f29b4db5bdbc2','key',2,'fe32318b032743d9ad1dfe089b32cb52','submitted','{"model": "minimax/hailuo-2.3/i2v-standard", "prompt": "p\ud800", "duration": 6, "image": "https://pictures.example/cat.jpg"}','["A note"]','2026-11-28T11:55:51.543961+00:00','2026-11-20T12:00:00.000000+00:00','p2','{"prediction_id": "p2", "word": "processing", "outputs": [], "reason": null, "model": null, "created_at": "2026-11-20T12:00:00Z", "completed_at": null, "predict_time_seconds": null, "cost_usd": null, "flagged": false, "no_clip_since": null, "clip_missing": false}','null','null','account',280000,280000);
INSERT INTO "entries" VALUES(4,'68ba474f50384f6a95539447a57e8f42','failed',1,'fe32318b032743d9ad1dfe089b32cb52','submitted','{"model": "minimax/hailuo-2.3/i2v-standard", "prompt": "p\ud800", "duration": 6, "image": "https://pictures.example/cat.jpg"}','["A note"]','2026-11-28T11:55:51.545874+00:00','2026-11-20T12:00:00.000000+00:00','p3','{"prediction_id": "p3", "word": "failed", "outputs": [], "reason": "No.", "model": null, "created_at": "2026-11-20T12:00:00Z", "completed_at": null, "predict_time_seconds": null, "cost_usd": null, "flagged": false, "no_clip_since": null, "clip_missing": false}','null','null','account',280000,0);
INSERT INTO "entries" VALUES(5,'5b328ea6df2d4ab58092358366e7c579','refused',1,'fe32318b032743d9ad1dfe089b32cb52','refused','{"model": "minimax/hailuo-2.3/i2v-standard", "prompt": "p\ud800", "duration": 6, "image": "https://pictures.example/cat.jpg"}','["A note"]','2026-11-28T11:55:51.547597+00:00',NULL,NULL,NULL,'null','null','account',280000,0);
INSERT INTO "entries" VALUES(6,'0434a56dfe7c4fd187dfd2e62381c38a','lost',1,'fe32318b032743d9ad1dfe089b32cb52','unknown','{"model": "minimax/hailuo-2.3/i2v-standard", "prompt": "p\ud800", "duration": 6, "image": "https://pictures.example/cat.jpg"}','["A note"]','2026-11-28T11:55:51.552529+00:00',NULL,NULL,NULL,'null','null','account',560000,560000);
INSERT INTO "entries" VALUES(7,'57b49f6aa6144143af423bef2fa2cf6a','',1,'fe32318b032743d9ad1dfe089b32cb52','submitted','{}','[]','2026-11-28T11:55:51.587782+00:00','2026-11-20T12:00:00.000000+00:00','p9','{"prediction_id": "p9", "word": "processing", "outputs": [], "reason": null, "model": null, "created_at": "2026-11-20T12:00:00Z", "completed_at": null, "predict_time_seconds": null, "cost_usd": null, "flagged": false, "no_clip_since": null, "clip_missing": false}','null','null','',NULL,0);
CREATE TABLE origin (id BLOB NOT NULL);
INSERT INTO "origin" VALUES(X'3785572356F9212012BDD075D45414D5');
CREATE TABLE spending (span TEXT PRIMARY KEY, amount INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO "spending" VALUES('2026-11-20T12:0',560000);
INSERT INTO "spending" VALUES('2026-11-28T11:5',840000);
CREATE TABLE uploads (
            host TEXT NOT NULL,
            digest TEXT NOT NULL,
            url TEXT NOT NULL,
            uploaded_at TEXT NOT NULL,
            PRIMARY KEY (host, digest)
        ) WITHOUT ROWID
        ;
INSERT INTO "uploads" VALUES('account','digest','https://static.atlascloud.ai/u.jpg','2026-11-28T11:55:51.587108+00:00');
CREATE INDEX durations_by_kind ON durations (model, duration);
CREATE INDEX entries_by_key ON entries (key, take);
CREATE INDEX entries_by_prediction ON entries (prediction_id);
CREATE INDEX entries_by_time ON entries (COALESCE(submitted_at, created_at));
CREATE INDEX entries_intended ON entries (owner) WHERE stage = 'intended';
CREATE TRIGGER spending_begun AFTER INSERT ON entries WHEN NEW.spent <> 0
        BEGIN 
    INSERT OR IGNORE INTO spending VALUES (SUBSTR(COALESCE(NEW.submitted_at, NEW.created_at), 1, 15), 0);
    UPDATE spending SET amount = amount + NEW.spent
    WHERE span = SUBSTR(COALESCE(NEW.submitted_at, NEW.created_at), 1, 15);
 END;
CREATE TRIGGER spending_changed AFTER UPDATE OF spent, submitted_at, created_at ON entries
        WHEN NEW.spent IS NOT OLD.spent OR NEW.submitted_at IS NOT OLD.submitted_at
            OR NEW.created_at IS NOT OLD.created_at
        BEGIN 
    UPDATE spending SET amount = amount - OLD.spent
    WHERE span = SUBSTR(COALESCE(OLD.submitted_at, OLD.created_at), 1, 15);
 
    INSERT OR IGNORE INTO spending VALUES (SUBSTR(COALESCE(NEW.submitted_at, NEW.created_at), 1, 15), 0);
    UPDATE spending SET amount = amount + NEW.spent
    WHERE span = SUBSTR(COALESCE(NEW.submitted_at, NEW.created_at), 1, 15);
 END;
CREATE TRIGGER spending_gone AFTER DELETE ON entries WHEN OLD.spent <> 0 BEGIN 
    UPDATE spending SET amount = amount - OLD.spent
    WHERE span = SUBSTR(COALESCE(OLD.submitted_at, OLD.created_at), 1, 15);
 END;
COMMIT;
