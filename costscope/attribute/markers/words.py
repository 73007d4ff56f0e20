"""The words that prompts use, in twelve languages, for what they hold: context, question, history, task,
answer, examples, and who speaks."""

from __future__ import annotations

import re
from functools import lru_cache

MAX_WORDS = 6
"""A label of more words is a sentence."""

_HEADS = {
    "context": """
        context, contexts, documents, document, docs, sources, passages, passage, excerpts, excerpt, extracts,
        snippets, references, articles, article, chunks, facts, evidence, knowledge, knowledge base,
        search results, search result, retrieval results, results of the search, context information,
        contextual information, reference material, reference materials, reference text, reference information,
        reference documents, background information, background knowledge, known information,
        relevant information, relevant text, relevant data, retrieved information, retrieved data,
        retrieved content, retrieved text, provided information, given information, supporting information,
        paragraphs, source material, source documents, source text, materials,
        kontext, kontextinformationen, kontextinformation, dokumente, dokument, quellen, auszüge, auszug,
        textauszüge, textstellen, textabschnitte, suchergebnisse, hintergrundinformationen, wissensbasis,
        wissensdatenbank, fakten, fundstellen, informationen aus der wissensdatenbank, unterlagen,
        relevante informationen, referenzen, materialien,
        contexte, extraits, extrait, documents pertinents, résultats de recherche, informations de contexte,
        informations pertinentes, base de connaissances, références, sources pertinentes, connaissances, faits,
        contexto, documentos, documento, fuentes, extractos, fragmentos, pasajes, resultados de búsqueda,
        resultados de la búsqueda, información de contexto, información relevante, base de conocimiento,
        base de conocimientos, conocimiento, referencias, hechos,
        fontes, trechos, trecho, passagens, resultados da pesquisa, resultados da busca, resultados de busca,
        informações de contexto, informações relevantes, informações recuperadas, base de conhecimento,
        conhecimento, referências, fatos,
        contesto, documenti, documento, fonti, estratti, brani, passaggi, frammenti, risultati della ricerca,
        informazioni di contesto, informazioni rilevanti, base di conoscenza, conoscenza, riferimenti, fatti,
        contextinformatie, documenten, bronnen, passages uit de bronnen, fragmenten, zoekresultaten, kennisbank,
        achtergrondinformatie, relevante informatie, feiten, referenties,
        dokumenty, źródła, fragmenty, wyniki wyszukiwania, baza wiedzy, informacje kontekstowe, wiedza,
        materiały, fakty, odniesienia,
        контекст, документы, документ, источники, фрагменты, отрывки, выдержки, результаты поиска, база знаний,
        справочная информация, контекстная информация, известная информация, материалы, факты
    """,
    "question": """
        question, query, user input, user message, user request, user prompt, customer message,
        customer request, follow up input, follow up message, inquiry, user asks, user says, user's message,
        user's request, user's input, customer's message, the user asks, message from the user,
        frage, anfrage, benutzerfrage, nutzerfrage, kundenfrage, benutzeranfrage, nutzeranfrage, kundenanfrage,
        fragestellung, anschlussfrage, benutzereingabe, nutzereingabe,
        requête, demande, message de l'utilisateur, pregunta, consulta, mensaje del usuario,
        pergunta, mensagem do usuário, domanda, richiesta, messaggio dell'utente, quesito,
        vraag, gebruikersvraag, klantvraag, pytanie, zapytanie, вопрос, запрос
    """,
    "history": """
        history, chat history, conversation history, message history, dialogue history, conversation,
        conversation so far, chat log, dialogue, previous messages, earlier messages, previous turns,
        prior conversation, previous conversation, current conversation, chat transcript,
        verlauf, chatverlauf, gesprächsverlauf, bisheriges gespräch, unterhaltung, konversation,
        bisherige unterhaltung, historique, historique de la conversation, historique du chat,
        historial, historial de la conversación, historial de chat, conversación, conversación anterior,
        histórico, histórico da conversa, histórico do chat, conversa, conversa anterior,
        cronologia, cronologia della chat, conversazione, conversazione precedente,
        gespreksgeschiedenis, chatgeschiedenis, gesprek, historia rozmowy, historia czatu, rozmowa,
        история диалога, история чата, история разговора, история переписки, диалог
    """,
    "task": """
        instruction, instructions, task, rules, guidelines, output format, response format, answer format, format,
        requirements, constraints, role, your task, important, output requirements, response rules, style,
        tone, goal, objective, notes, note, steps, length,
        anweisung, anweisungen, aufgabe, regeln, ausgabeformat, antwortformat, hinweise, hinweis, vorgaben, rolle,
        consigne, consignes, tâche, règles, format de réponse, format de sortie, rôle, consignes de réponse,
        instrucción, instrucciones, tarea, reglas, formato, formato de respuesta, formato de salida,
        instrução, instruções, tarefa, regras, formato de saída, formato da resposta,
        istruzione, istruzioni, compito, regole, formato di output, formato della risposta, formato di risposta,
        instructie, instructies, taak, regels, uitvoerformaat, antwoordformaat, aanwijzingen,
        instrukcja, instrukcje, zadanie, zasady, format odpowiedzi, polecenie,
        инструкция, инструкции, задание, задача, правила, формат ответа, формат вывода
    """,
    "answer": """
        answer, response, reply, output, summary, result, json, relevant text, relevant text if any,
        standalone question, standalone query, rephrased question, rewritten question, rewritten query,
        search query, refined answer, sql query, sqlquery, thought, conclusion, translation,
        antwort, zusammenfassung, eigenständige frage, réponse, résumé, respuesta, resumen, resposta, resumo,
        risposta, riassunto, antwoord, samenvatting, odpowiedź, podsumowanie, ответ, резюме
    """,
    "example": """
        example, examples, few shot examples, sample, samples, demonstration, demonstrations, example format,
        beispiel, beispiele, exemple, exemples, ejemplo, ejemplos, exemplo, exemplos, esempio, esempi,
        voorbeeld, voorbeelden, przykład, przykłady, пример, примеры
    """,
    "user": """
        user, human, customer, client, visitor, benutzer, nutzer, kunde, utilisateur, usuario, usuário, utente,
        gebruiker, użytkownik, пользователь
    """,
    "assistant": """
        assistant, ai, bot, chatbot, agent, ai assistant, assistent, ki, asistente, assistente, asystent,
        ассистент, бот
    """,
}
_CJK = {
    "history": (
        "对话历史|历史对话|聊天记录|历史记录|對話歷史|会話履歴|チャット履歴|これまでの会話|"
        "대화 ?기록|대화 ?내역|이전 ?대화"
    ),
    "context": (
        "上下文|背景信息|背景知识|背景资料|参考资料|参考信息|参考内容|参考文档|参考文献|已知信息|相关信息|相关文档|相关资料|文档内容|"
        "文档|检索结果|搜索结果|检索内容|知识库|知识|资料|文档片段|上下文信息|參考資料|已知資訊|コンテキスト|文脈|参考情報|"
        "参考文書|参照情報|参照文書|背景情報|関連情報|関連文書|ドキュメント|文書|検索結果|資料|抜粋|ナレッジ|"
        "컨텍스트|문맥|맥락|참고 ?자료|참고 ?문서|참고 ?정보|문서|검색 ?결과|배경 ?정보|관련 ?문서|관련 ?정보|자료|지식"
    ),
    "answer": "回答|答案|答复|摘要|总结|答え|要約|답변|답|대답|요약",
    "task": (
        "任务|要求|指令|说明|规则|输出格式|回答要求|注意|指示|タスク|ルール|出力形式|注意事項|制約|"
        "지시 ?사항|지침|작업|규칙|출력 ?형식"
    ),
    "question": "问题|提问|查询|用户输入|用户提问|問題|質問|問い|クエリ|ユーザー入力|질문|질의|사용자 ?입력",
    "example": "示例|例子|例|例文|예시|예",
    "user": "用户|客户|ユーザー|사용자|고객",
    "assistant": "助手|机器人|アシスタント|어시스턴트|상담원",
}  # fmt: skip
_KINDS = {
    " ".join(head.split()): kind for kind, heads in _HEADS.items() for head in heads.split(",")
}
_ASIAN = re.compile("[぀-ヿ㐀-鿿가-힯]")
_ASIAN_KINDS = [
    (kind, re.compile(rf".{{0,6}}(?:{words})(?:信息|情報)?")) for kind, words in _CJK.items()
]
_BREAKS = re.compile(r"(?<=[a-z])(?=[A-Z])|[\W_]+")
_WHOLE = {"task", "answer", "example", "user", "assistant", "history"}
"""Kinds of which a label has hardly another word, and that before it: "Response code:" is no answer."""
_PERSONAL = {
    "i", "my", "me", "we", "our", "have", "quick", "one", "another", "next", "also", "side", "other", "first", "second",
    "ich", "meine", "noch", "eine", "mi", "tengo", "otra", "ma", "mon", "autre", "minha", "mia", "mijn", "moje",
}  # fmt: skip
"""Words of a label that a person writes: "One more question:"."""
_RETRIEVED = re.compile(
    r"retriev|relevant|search|knowledge|excerpt|snippet|passage|auszüge|suchergebnis|wissens|extraits|"
    r"fragment|trechos|zoekresult|wyniki|результат|检索|参考|検索|参照|검색|참고",
    re.IGNORECASE,
)


@lru_cache(maxsize=4096)
def kind_of(label: str) -> str:
    """What a label, a heading, a tag's or a key's name stands for; "" where it tells nothing."""
    if _ASIAN.search(label):
        found = (kind for kind, words in _ASIAN_KINDS if words.fullmatch(label.strip()))
        return next(found, "")
    words = [w for w in _BREAKS.split(label.replace("'s", "").replace("’s", "")) if w]
    words = [w.casefold() for w in words]
    if words and words[-1].isdecimal():
        words.pop()
    if not words or len(words) > MAX_WORDS or not _PERSONAL.isdisjoint(words):
        return ""
    return _KINDS.get(" ".join(words), "") or _headed(words)


def _headed(words: list[str]) -> str:
    """The kind of a label by its noun, which stands last ("company documents") or, where adjectives
    follow it, first ("documents pertinents")."""
    for size in range(min(4, len(words) - 1), 0, -1):
        last, first = (
            _KINDS.get(" ".join(words[-size:]), ""),
            _KINDS.get(" ".join(words[:size]), ""),
        )
        if last and (last not in _WHOLE or len(words) - size == 1):
            return last
        if first and first not in _WHOLE:
            return first
    return ""


def tells_retrieval(label: str) -> bool:
    """Whether a label is a machine's ("Search results") rather than a person's ("Context")."""
    return bool(_RETRIEVED.search(label))


THINGS = (
    r"(?:contexts?|contextual[ ]information|documents?|sources?|passages?|excerpts?|extracts?|snippets?|"
    r"(?:search|retrieval)[ ]results|knowledge[ ]base|knowledge|references|"
    r"reference[ ](?:material|text|information|document)s?|articles?|facts|"
    r"information|materials?|evidence|chunks|paragraphs|"
    r"kontext\w*|dokumenten?|quellen?|auszüg\w+|textstellen|abschnitt\w*|suchergebniss\w+|informationen|"
    r"unterlagen|fakten|wissens\w+|contexte|extraits?|informations|documents?|résultats|connaissances|faits|"
    r"contexto|documentos?|fuentes|extractos|fragmentos|pasajes|información|resultados|hechos|"
    r"fontes|trechos?|informações|passagens|contesto|documenti|fonti|estratti|brani|informazioni|passaggi|"
    r"documenten|bronnen|fragmenten|informatie|zoekresultaten|"
    r"kontekś?\w+|dokument\w+|źród\w+|fragment\w+|informacj\w+|"
    r"контекст\w*|документ\w*|источник\w*|фрагмент\w*|отрывк\w*|информаци\w+|материал\w*|"
    r"上下文|背景信息|已知信息|参考资料|参考信息|资料|文档|信息|内容|知识|"
    r"コンテキスト|文脈|参考情報|参考資料|情報|資料|文書|ドキュメント|컨텍스트|문맥|문서|정보|자료)"
)
"""What retrieved context is called in sentences."""
POINTS = (
    r"(?:following|below|above|provided|given|retrieved|relevant|based[ ]on|here[ ](?:is|are)|these|preceding|"
    r"folgende\w*|unten|oben\w*|obige\w*|anhand|basierend|gegebene\w*|diesen?|hier[ ]sind|nachstehend\w*|"
    r"suivante?s?|ci-dessous|ci-dessus|à[ ]l'aide|selon|fournie?s?|voici|"
    r"siguientes?|abajo|arriba|anteriore?s?|basándote|a[ ]continuación|"
    r"abaixo|acima|seguintes?|com[ ]base|seguent\w|sotto\w*|sopra\w*|ecco|"
    r"onderstaande?|hieronder|bovenstaande?|volgende|"
    r"poniższ\w+|powyższ\w+|podstawie|oto|следующ\w+|ниже\w*|выше\w*|основе|вот|"
    r"以下|上述|根据|基于|下記|上記|기반|바탕|아래|위의?)"
)
"""How such sentences point at it."""
LIMITS = (
    r"(?:only|solely|just[ ]from|nur|ausschließlich|uniquement|seulement|solo|sólo|únicamente|apenas|somente|"
    r"soltanto|alleen|uitsluitend|tylko|wyłącznie|только|仅|只|のみ|だけ|만)"
)
"""How they say that nothing else counts."""
