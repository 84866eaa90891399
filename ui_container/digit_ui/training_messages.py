"""The sentences that the training page's script says; `{…}` is filled in by the script."""

from flask_babel import gettext

Sentences = dict[str, str]


def training_messages() -> dict[str, Sentences]:
    """Give the sentences in the visitor's language, by the part of the page that says them."""
    return {
        "now": _now(),
        "charts": _charts(),
        "model": _model(),
        "versions": _versions(),
        "reasons": _reasons(),
        "comparison": _comparison(),
        "feedback": _feedback(),
        "admin": _admin(),
        "errors": _errors(),
    }


def _now() -> Sentences:
    return {
        "watching": gettext("Un entraîneur veille : il apprendra des nouveaux dessins quand il y en aura assez."),
        "notWatching": gettext("Aucun entraîneur ne veille : les dessins sont gardés, mais rien ne s'apprend."),
        "labels": gettext("Nouveaux dessins : {new} sur les {wanted} attendus"),
        "model": gettext("Modèle en service : {version}"),
        "noModel": gettext("Aucun modèle n'est en service."),
        "trainingNow": gettext("Entraînement en cours"),
        "retrainingNow": gettext("Réentraînement en cours, avec les dessins reçus"),
        "last": gettext("Dernier entraînement"),
        "noJob": gettext("Aucun entraînement n'a encore eu lieu ici."),
        "reading": gettext("Les données sont lues…"),
        "checking": gettext("Les dessins reçus sont vérifiés…"),
        "learning": gettext("Le réseau apprend…"),
        "examining": gettext("Le nouveau réseau passe son examen…"),
        "publishing": gettext("La nouvelle version est publiée…"),
        "killed": gettext("L'entraînement s'est interrompu sans finir ; le modèle en service n'a pas changé."),
        "served": gettext("Réussi : la version {version} est entrée en service."),
        "refused": gettext("Refusé : la version {version} n'a pas passé l'examen ; le modèle en service reste."),
        "nothing": gettext("Il n'y avait rien à apprendre."),
        "failed": gettext("L'entraînement a échoué ; le modèle en service n'a pas changé."),
        "stopped": gettext("L'entraînement a été arrêté ; le modèle en service n'a pas changé."),
        "ended": gettext("L'entraînement est fini."),
        "when": gettext("Dernière nouvelle : {date}"),
        "epochs": gettext("Époques finies : {epoch} sur {epochs}"),
        "eta": gettext("encore {duration} environ"),
        "noCurveYet": gettext("la courbe commencera avec la première époque."),
        "noCurve": gettext("cet entraînement n'a pas laissé de courbe."),
        "asked": gettext("C'est demandé : l'entraîneur commence dans un instant."),
        "askedNobody": gettext("C'est demandé, mais aucun entraîneur ne veille : la demande l'attendra."),
    }


def _charts() -> Sentences:
    return {
        "loss": gettext("Perte"),
        "accuracy": gettext("Justesse"),
        "epochs": gettext("époques"),
        "training": gettext("à l'entraînement"),
        "validation": gettext("à la validation"),
        "lossLine": gettext("Perte à l'époque {epochs} : {value}."),
        "accuracyLine": gettext("Justesse à l'époque {epochs} : {value}."),
        "validationLine": gettext("À la validation : {value}."),
        "confidence": gettext("confiance annoncée"),
        "honest": gettext("confiance méritée"),
        "measured": gettext("réponses justes"),
    }


def _model() -> Sentences:
    return {
        "inService": gettext("celle en service ({version})"),
        "nothingInService": gettext("celle en service"),
        "noReport": gettext("Le modèle en service vient d'ailleurs ou n'a pas de rapport : rien à montrer ici."),
        "noDetails": gettext("Cette version n'a pas laissé de rapport : son détail n'est pas connu."),
        "mnist": gettext("MNIST"),
        "mnistNote": gettext("entre {low} et {high} (intervalle à 95 %), sur {n} chiffres jamais vus"),
        "drawn": gettext("Chiffres dessinés"),
        "drawnNote": gettext("sur {n} chiffres"),
        "writers": gettext("de {n} personnes"),
        "notDrawn": gettext("pas mesuré pour cette version"),
        "worstWriter": gettext("La personne la moins bien lue"),
        "download": gettext("Télécharger {file}"),
        "digit": gettext("Chiffre"),
        "count": gettext("Nombre"),
        "precision": gettext("Précision"),
        "recall": gettext("Rappel"),
        "corner": gettext("écrit"),
        "confusion": gettext(
            "Une ligne par chiffre écrit, une colonne par chiffre lu. Plus c'est coloré, plus c'est une erreur."
        ),
        "mistake": gettext("{label} lu {answer}, sûr à {confidence}"),
        "mistakeRow": gettext("Image {row} : un {label} lu comme un {answer}, sûr à {confidence}"),
        "noMistake": gettext("Aucune erreur."),
        "calibration": gettext(
            "Sur {n} réponses, l'écart moyen entre la confiance annoncée et la part de réponses justes est de {error}."
        ),
        "unknown": gettext("Pas mesuré pour cette version."),
        "noCurve": gettext("cette version n'a pas laissé de courbe."),
    }


def _versions() -> Sentences:
    return {
        "empty": gettext("Aucune version n'a encore été publiée ici."),
        "version": gettext("Version"),
        "date": gettext("Date"),
        "parent": gettext("Parente"),
        "mnist": gettext("MNIST"),
        "drawn": gettext("Dessinés"),
        "verdict": gettext("Verdict"),
        "learned": gettext("Dessins appris"),
        "actions": gettext("Actions"),
        "scratch": gettext("aucune"),
        "inService": gettext("en service"),
        "shipped": gettext("livrée"),
        "noGate": gettext("sans examen : entraînée depuis le début"),
        "served": gettext("acceptée"),
        "refused": gettext("refusée"),
        "measured": gettext("Ce qui a été mesuré"),
        "gateMnist": gettext(
            "MNIST : {candidate} justes sur {n}, contre {parent} pour la parente ; "
            "{lost} perdus, {won} gagnés (p = {p})"
        ),
        "gateDrawn": gettext(
            "Chiffres dessinés : {candidate} justes sur {n}, contre {parent} pour la parente ; "
            "{lost} perdus, {won} gagnés (p = {p})"
        ),
        "gateFeedback": gettext("Dessins reçus : {candidate} justes sur {n}, contre {parent} pour la parente"),
        "gateFeedbackLoss": gettext(
            "Dessins reçus, mais non appris : {candidate} justes sur {n}, contre {parent} pour la parente ; "
            "perte {loss}, contre {parentLoss} (moins vaut mieux)"
        ),
        "gateP": gettext(
            "p : la chance qu'un réseau aussi bon que sa parente fasse aussi mal par hasard. "
            "Trop petite, la version est refusée."
        ),
        "show": gettext("Examiner"),
        "showNamed": gettext("Examiner {version}"),
        "back": gettext("Revenir à celle-ci"),
        "yes": gettext("Revenir à {version}"),
        "confirm": gettext("Remettre en service la version {version} à la place de celle qui sert maintenant ?"),
        "asked": gettext("C'est demandé : l'entraîneur remettra {version} en service."),
    }


def _reasons() -> Sentences:
    return {
        "worseMnist": gettext(
            "Elle lit juste {candidate} des {n} chiffres de test, sa parente {parent} : "
            "le hasard n'explique pas cet écart (p = {p})."
        ),
        "worseDrawn": gettext(
            "Elle lit juste {candidate} des {n} chiffres dessinés, sa parente {parent} : "
            "le hasard n'explique pas cet écart (p = {p})."
        ),
        "worseMnistThanBase": gettext(
            "Elle lit juste {candidate} des {n} chiffres de test, celle dont la lignée est partie {base} : "
            "le hasard n'explique pas cet écart (p = {p})."
        ),
        "worseDrawnThanBase": gettext(
            "Elle lit juste {candidate} des {n} chiffres dessinés, celle dont la lignée est partie {base} : "
            "le hasard n'explique pas cet écart (p = {p})."
        ),
        "noBetter": gettext(
            "Elle n'est pas meilleure sur les dessins reçus qu'elle n'a pas appris : {candidate} justes sur {n}, avec "
            "une perte de {loss} ; sa parente : {parent}, avec {parentLoss}."
        ),
        "tooLow": gettext("{accuracy} de justesse sur les chiffres de test : pour servir, il faut {wanted}."),
    }


def _comparison() -> Sentences:
    return {
        "tooFew": gettext("Il n'y a pas encore deux versions à comparer."),
        "noDetails": gettext("L'une des deux n'a pas laissé de rapport : leur détail ne peut pas être comparé."),
        "same": gettext("C'est deux fois la même version."),
        "figure": gettext("Mesure"),
        "left": gettext("Première"),
        "right": gettext("Seconde"),
        "difference": gettext("Écart, en points"),
        "mnist": gettext("Justesse sur MNIST"),
        "drawn": gettext("Justesse sur les chiffres dessinés"),
        "worstWriter": gettext("La personne la moins bien lue"),
        "calibrationError": gettext("Écart de confiance (moins vaut mieux)"),
        "recall": gettext("Rappel du {digit}"),
    }


def _feedback() -> Sentences:
    return {
        "none": gettext("Personne n'a encore envoyé de dessin."),
        "noMatch": gettext("Aucun dessin ne répond à ce choix."),
        "total": gettext(
            "Dessins : {n}, les plus récents d'abord. Sous chacun, le chiffre que la personne voulait écrire."
        ),
        "misread": gettext("{label}, lu {digit}"),
        "accepted": gettext("vérifié"),
        "show": gettext("Montrer le dessin : {said}"),
        "drawing": gettext("Dessin n° {number}"),
        "factMeant": gettext("Voulu"),
        "factRead": gettext("Lu"),
        "factDate": gettext("Reçu"),
        "factVersion": gettext("Lu par la version"),
        "factHeld": gettext("Mis de côté"),
        "notRecorded": gettext("inconnu"),
        "noneHeld": gettext("Aucun dessin n'est mis de côté."),
        "held": gettext("Mis de côté : {n}"),
        "picture": gettext("Le dessin, étiqueté {label}"),
        "meant": gettext("Étiqueté {label}."),
        "other": gettext("L'autre, étiqueté {label} :"),
        "duplicate": gettext("C'est le même dessin qu'un autre."),
        "near_duplicate": gettext("C'est presque le même dessin qu'un autre."),
        "conflict": gettext("Le même dessin a aussi été envoyé avec un autre chiffre."),
        "flood": gettext("La même personne a envoyé trop de fois ce chiffre."),
        "not_a_digit": gettext("Cela ne ressemble pas à un chiffre."),
        "contradicted": gettext(
            "Le modèle y lit un {answer}, sûr à {confidence}, et aucun dessin semblable n'a ce chiffre."
        ),
        "otherReason": gettext("La vérification l'a écarté ({reason})."),
        "accept": gettext("Accepter comme {label}"),
        "otherDigit": gettext("Le bon chiffre"),
        "chooseDigit": gettext("Choisissez d'abord le bon chiffre."),
        "correct": gettext("Corriger"),
        "remove": gettext("Supprimer"),
        "confirm": gettext("Supprimer pour toujours ce dessin étiqueté {label} ?"),
        "isAccepted": gettext("Le dessin est accepté."),
        "isCorrected": gettext("Le dessin est maintenant étiqueté {label}."),
        "isRemoved": gettext("Le dessin est supprimé."),
    }


def _admin() -> Sentences:
    return {
        "kept": gettext("Le jeton est juste, et gardé dans cet onglet."),
        "none": gettext("Aucun jeton n'est donné : il sera demandé au premier changement."),
        "empty": gettext("Donnez d'abord le jeton."),
        "reading": gettext("Ici, même pour regarder, il faut le jeton."),
    }


def _errors() -> Sentences:
    return {
        "away": gettext("Le serveur ne répond pas : la page réessaie."),
        "token_needed": gettext("Il faut le jeton d'administration."),
        "wrong_token": gettext("Ce jeton n'est pas le bon."),
        "no_token": gettext("Ce serveur tourne sans ADMIN_TOKEN : personne ne peut rien y changer."),
        "cross_site": gettext("Le serveur n'accepte ce changement que depuis sa propre page."),
        "not_possible": gettext("On ne peut pas revenir à cette version : elle est en service, ou elle a été refusée."),
        "unknown_version": gettext("Cette version n'existe plus."),
        "unknown_feedback": gettext("Ce dessin n'existe plus."),
        "too_many_streams": gettext("Trop de pages regardent à la fois."),
        "store_unavailable": gettext("La base des dessins ne répond pas : réessayez dans un instant."),
        "other": gettext("Le serveur a refusé : {detail}"),
    }
