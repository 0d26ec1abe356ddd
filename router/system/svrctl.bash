# SPDX-License-Identifier: MIT
# Completion of svrctl in bash. Which words may come next the router says itself, in its answer to a word that it does not
# know; so this file needs no list of commands.

# _svrctl_next TYPED OPTION...: the words that may follow what was typed, one a line.
_svrctl_next() {
    local typed=$1 answer entry
    shift
    # shellcheck disable=SC2086 # words
    answer=$(svrctl "$@" $typed '?' 2>&1 </dev/null | head -c 4096 | head -n 1)
    [[ $answer == *'there may be: '* ]] || return 0
    while IFS= read -r entry; do
        if [[ -n $typed && $entry == "$typed "* ]]; then
            entry=${entry#"$typed "}
        elif [[ -n $typed && $answer != *" after \"$typed\";"* ]]; then
            continue
        fi
        echo "${entry%% *}"
    done < <(sed 's/.*there may be: //; s/, */\n/g' <<<"$answer")
}

_svrctl() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} i options=() typed=()
    COMPREPLY=()
    case $previous in
    --socket) mapfile -t COMPREPLY < <(compgen -f -- "$current") && return ;;
    --router)
        mapfile -t COMPREPLY < <(compgen -W "$(cd /run/svr 2>/dev/null && printf '%s\n' *.sock | sed 's/\.sock$//')" -- "$current")
        return
        ;;
    esac
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --socket | --router) options+=("${COMP_WORDS[i]}" "${COMP_WORDS[++i]}") ;;
        --*) ;;
        *) typed+=("${COMP_WORDS[i]}") ;;
        esac
    done
    if [[ $current == -* && ${#typed[@]} -eq 0 ]]; then
        mapfile -t COMPREPLY < <(compgen -W '--router --socket --json --help --version' -- "$current")
    else
        mapfile -t COMPREPLY < <(compgen -W "$(_svrctl_next "${typed[*]}" "${options[@]}")" -- "$current")
    fi
}
complete -F _svrctl svrctl
