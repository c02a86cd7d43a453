-- A journal as version 0.1.0 left it (step 1): what each entry is stands in its key.
BEGIN TRANSACTION;
CREATE TABLE durations (
            seq INTEGER PRIMARY KEY,
            model TEXT NOT NULL,
            duration INTEGER,
            seconds REAL NOT NULL
        );
INSERT INTO "durations" VALUES(1,'minimax/hailuo-2.3/i2v-standard',6,45.0);
CREATE TABLE entries (
            seq INTEGER PRIMARY KEY,
            intent_id TEXT NOT NULL UNIQUE,
            key TEXT NOT NULL,
            owner TEXT NOT NULL,
            stage TEXT NOT NULL,
            request TEXT NOT NULL,
            notes TEXT NOT NULL,
            created_at TEXT NOT NULL,
            submitted_at TEXT,
            prediction_id TEXT,
            report TEXT,
            delivered INTEGER NOT NULL,
            save_to TEXT NOT NULL,
            saved_path TEXT NOT NULL
        );
INSERT INTO "entries" VALUES(1,'bed1adec85ea4e51b57ed0aa277ab6fe','intended','b115e0c0b68d4b5681d7c5b60c8a2313','intended','{}','[]','2026-11-25T13:36:13.211344+00:00',NULL,NULL,NULL,0,'null','null');
INSERT INTO "entries" VALUES(2,'78d4496243da4e86a18d959f7a5c3b22','sending','b115e0c0b68d4b5681d7c5b60c8a2313','sending','{"model": "minimax/hailuo-2.3/i2v-standard", "prompt": "sending", "duration": 6, "image": "https://pictures.example/cat.jpg"}','[]','2026-11-25T13:36:13.216968+00:00',NULL,NULL,NULL,0,'null','null');
INSERT INTO "entries" VALUES(3,'7c467418178644ad9457c268d224506e','unknown','b115e0c0b68d4b5681d7c5b60c8a2313','unknown','{"model": "minimax/hailuo-2.3/i2v-standard", "prompt": "unknown", "duration": 6, "image": "https://pictures.example/cat.jpg"}','[]','2026-11-25T13:36:13.231055+00:00',NULL,NULL,NULL,0,'null','null');
INSERT INTO "entries" VALUES(4,'b4d4f7f3c3674bb2a9a51f39d69bcd0c','refused','b115e0c0b68d4b5681d7c5b60c8a2313','refused','{"model": "minimax/hailuo-2.3/i2v-standard", "prompt": "refused", "duration": 6, "image": "https://pictures.example/cat.jpg"}','[]','2026-11-25T13:36:13.243602+00:00',NULL,NULL,NULL,0,'null','null');
INSERT INTO "entries" VALUES(5,'e03a6aa014f24d7980a1b857ea33bf96','processing','b115e0c0b68d4b5681d7c5b60c8a2313','submitted','{"model": "minimax/hailuo-2.3/i2v-standard", "prompt": "processing", "duration": 6, "image": "https://pictures.example/cat.jpg"}','["It was turned upright."]','2026-11-25T13:36:13.259081+00:00','2026-11-20T10:00:00.000000+00:00','p0','{"prediction_id": "p0", "word": "processing", "outputs": [], "reason": null, "model": "minimax/hailuo-2.3/i2v-standard", "created_at": "2026-11-20T10:00:00Z", "completed_at": null, "predict_time_seconds": null, "cost_usd": null}',0,'null','null');
INSERT INTO "entries" VALUES(6,'1a2b394fde1b4617aed6958de2d1830f','completed','b115e0c0b68d4b5681d7c5b60c8a2313','submitted','{"model": "minimax/hailuo-2.3/i2v-standard", "prompt": "completed", "duration": 6, "image": "https://pictures.example/cat.jpg"}','["It was turned upright."]','2026-11-25T13:36:13.273433+00:00','2026-11-20T10:00:00.000000+00:00','p1','{"prediction_id": "p1", "word": "completed", "outputs": ["https://clips.example/p1.mp4"], "reason": null, "model": "minimax/hailuo-2.3/i2v-standard", "created_at": "2026-11-20T10:00:00Z", "completed_at": "2026-11-20T10:00:45Z", "predict_time_seconds": null, "cost_usd": 0.3}',1,'null','"/clips/cat-p1.mp4"');
INSERT INTO "entries" VALUES(7,'948bee158398413b88188efb1abab3b6','failed','b115e0c0b68d4b5681d7c5b60c8a2313','submitted','{"model": "minimax/hailuo-2.3/i2v-standard", "prompt": "failed", "duration": 6, "image": "https://pictures.example/cat.jpg"}','["It was turned upright."]','2026-11-25T13:36:13.284398+00:00','2026-11-20T10:00:00.000000+00:00','p2','{"prediction_id": "p2", "word": "failed", "outputs": [], "reason": null, "model": "minimax/hailuo-2.3/i2v-standard", "created_at": "2026-11-20T10:00:00Z", "completed_at": null, "predict_time_seconds": null, "cost_usd": 0.28}',0,'null','null');
INSERT INTO "entries" VALUES(8,'a9472fcc452144388997e8ccfaaf7179','','b115e0c0b68d4b5681d7c5b60c8a2313','submitted','{}','[]','2026-11-25T13:36:13.297867+00:00','2026-11-20T09:00:00.000000+00:00','foreign','{"prediction_id": "foreign", "word": "completed", "outputs": ["https://clips.example/f.mp4"], "reason": null, "model": "minimax/hailuo-2.3/i2v-standard", "created_at": "2026-11-20T09:00:00Z", "completed_at": null, "predict_time_seconds": null, "cost_usd": 0.5}',0,'null','null');
CREATE TABLE uploads (
            host TEXT NOT NULL,
            digest TEXT NOT NULL,
            url TEXT NOT NULL,
            uploaded_at TEXT NOT NULL,
            PRIMARY KEY (host, digest)
        ) WITHOUT ROWID
        ;
INSERT INTO "uploads" VALUES('account','digest','https://up.example/cat.jpg','2026-11-25T13:36:13.302905+00:00');
CREATE INDEX entries_by_key ON entries (key);
CREATE INDEX entries_by_prediction ON entries (prediction_id);
CREATE INDEX durations_by_kind ON durations (model, duration);
COMMIT;
